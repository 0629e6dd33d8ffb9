"""The small checkpoints, and who skips where vLLM is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engines.vllm.tiny import build_tiny
from tests.extras import skip_without


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip_without(["vllm"], "vllm", items)


@pytest.fixture(scope="session")
def tiny_glm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("glm-4.1v", tmp_path_factory.mktemp("checkpoints") / "tiny-glm")


@pytest.fixture(scope="session")
def tiny_kimi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("kimi-vl", tmp_path_factory.mktemp("checkpoints") / "tiny-kimi")
