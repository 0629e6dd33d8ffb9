"""The small checkpoints, and who skips where vLLM is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pipeline.engines.vllm.tiny import build_tiny


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("vllm") is None:
        skip = pytest.mark.skip(reason="vLLM is not installed; `make vllm` installs it and runs these tests")
        for item in items:
            if item.get_closest_marker("vllm"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def tiny_glm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("glm-4.1v", tmp_path_factory.mktemp("checkpoints") / "tiny-glm")


@pytest.fixture(scope="session")
def tiny_kimi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("kimi-vl", tmp_path_factory.mktemp("checkpoints") / "tiny-kimi")
