"""What is said of the machine: system, shared memory, limits."""

from __future__ import annotations

import platform
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.doctor.cases import Case
from pipeline.doctor.finding import Level
from pipeline.doctor.machine import examine_machine
from pipeline.teachers import load_teacher
from schemas.engines import OpenAIEngine
from tests.pipeline.doctor.world import GLM, find, on_vllm

EMPTY = Path("/proc")
"""A file system of no size."""


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def on_servers(count: int) -> Case[OpenAIEngine]:
    urls = tuple(f"http://127.0.0.1:{8000 + number}/v1" for number in range(count))
    return Case(load_teacher(GLM), OpenAIEngine(kind="openai", base_urls=urls), required=True)


def test_python_and_system_are_named() -> None:
    detail = find(examine_machine([]), "system").detail
    assert f"Python {platform.python_version()}" in detail
    assert platform.release() in detail


def test_little_shared_memory_is_a_warning_and_with_tensor_parallelism_a_fault() -> None:
    finding = find(examine_machine([on_vllm()], EMPTY), "shared memory")
    assert finding.level is Level.WARNING
    assert "--ipc=host" in finding.remedy
    split = on_vllm(tensor_parallel_size=2)
    assert find(examine_machine([split], EMPTY), "shared memory").level is Level.FAULT


def test_missing_shared_memory_is_said(tmp_path: Path) -> None:
    finding = find(examine_machine([on_vllm()], tmp_path / "shm"), "shared memory")
    assert finding.level is Level.FAULT
    assert str(tmp_path / "shm") in finding.detail


def test_shared_memory_matters_to_vllm_alone() -> None:
    assert "shared memory" not in [finding.what for finding in examine_machine([on_servers(1)], EMPTY)]


@pytest.mark.usefixtures("few_files")
def test_a_low_limit_of_open_files_is_a_warning_with_the_command() -> None:
    finding = find(examine_machine([]), "open files")
    assert finding.level is Level.WARNING
    assert finding.remedy == "ulimit -n 1024"


@pytest.mark.usefixtures("few_files")
def test_a_build_with_servers_opens_a_file_for_each_request_in_flight() -> None:
    assert find(examine_machine([on_servers(8)]), "open files").remedy == f"ulimit -n {1024 + 8 * 256}"
