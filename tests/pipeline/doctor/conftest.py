"""A machine without GPUs, and nothing of vLLM installed: what tests want beyond that they add."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.pipeline.doctor.world import Installation


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation to add packages to."""
    return Installation(tmp_path / "site-packages", monkeypatch)


@pytest.fixture
def no_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide vLLM, where the tests run beside it."""
    monkeypatch.setitem(sys.modules, "vllm", None)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is on PATH, before the system's own and nothing else."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "bin"
