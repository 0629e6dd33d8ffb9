"""A build's configuration as a deployment's parameter is the one of its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from flows.build import build
from flows.cluster.parameters import ConfigParameter
from schemas.config import BuildConfig
from tests.pipeline.dispatch.world import configure

ADAPTER: TypeAdapter[BuildConfig] = TypeAdapter(ConfigParameter)


def test_what_travels_as_json_is_the_same_configuration(tmp_path: Path) -> None:
    config = configure(tmp_path)
    assert ADAPTER.validate_python(json.loads(config.model_dump_json())) == config
    assert ADAPTER.validate_python(config) is config


def test_a_mistake_is_met_where_the_run_is_made(tmp_path: Path) -> None:
    wrong = json.loads(configure(tmp_path).model_dump_json()) | {"sed": 1}
    with pytest.raises(ValidationError, match="sed"):
        ADAPTER.validate_python(wrong)


def test_the_flow_tells_its_parameters_by_the_contract() -> None:
    schema = build.parameters
    assert schema.required == ["run_dir"]
    assert "BuildConfig" in schema.definitions
    assert "WorkPoolConfig" in schema.definitions
