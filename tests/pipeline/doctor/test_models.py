"""What is said of the weights: in a folder, in the cache, or at the hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from pipeline.doctor.cases import AnyEngine, Case
from pipeline.doctor.finding import Finding, Level
from pipeline.doctor.models import bytes_to_come, examine_models
from pipeline.teachers import load_teacher
from schemas.engines import PixelsEngine
from tests.fakes.hub import COMMIT, serve_hub
from tests.pipeline.doctor.world import GLM, KIMI, find, on_vllm

MODEL = load_teacher(GLM).model
WEIGHTS = f"{GLM} weights"
NORMALISING = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
NOBODY = "http://127.0.0.1:9"
"""Nothing listens there: the port of the discard service."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no proxy, and no hub unless a test starts one."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", NOBODY)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    return tmp_path / "cache"


def examine(*cases: Case[AnyEngine]) -> Sequence[Finding]:
    return list(examine_models(cases))


def fill(cache: Path, names: Sequence[str] = ("a", "b"), *, commit: str = COMMIT) -> Path:
    """Put a model of two files of weights into the cache, or only some of them."""
    repository = cache / f"models--{MODEL.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    (snapshot / "config.json").write_text("{}")
    index = {"weight_map": {"layer.0": "a.safetensors", "layer.1": "b.safetensors", "layer.2": "b.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    (snapshot / "preprocessor_config.json").write_text(json.dumps(NORMALISING))
    for name in names:
        (snapshot / f"{name}.safetensors").write_bytes(bytes(2**20))
    return snapshot


def test_a_build_without_models_needs_no_weights() -> None:
    assert examine(Case(load_teacher(GLM), PixelsEngine(kind="pixels"), required=True)) == []


def test_weights_in_the_cache_need_no_hub(cache: Path) -> None:
    fill(cache)
    findings = examine(on_vllm())
    assert find(findings, WEIGHTS).level is Level.OK
    assert find(findings, "hub").level is Level.OK
    assert "not needed" in find(findings, "hub").detail


def test_a_cache_that_lacks_a_file_of_the_index_does_not_count(cache: Path) -> None:
    fill(cache, ["a"])
    finding = find(examine(on_vllm()), WEIGHTS)
    assert finding.level is Level.FAULT
    assert "only 0.0 GiB in the cache" in finding.detail


def test_a_damaged_index_does_not_count_and_does_not_stop_the_doctor(cache: Path) -> None:
    (fill(cache) / "model.safetensors.index.json").write_text("[")
    assert find(examine(on_vllm()), WEIGHTS).level is Level.FAULT


def test_another_commit_in_the_cache_does_not_count(cache: Path) -> None:
    fill(cache)
    assert find(examine(on_vllm(revision=COMMIT)), WEIGHTS).level is Level.OK
    assert find(examine(on_vllm(revision="f" * 40)), WEIGHTS).level is Level.FAULT


def test_weights_that_the_hub_has_are_a_warning_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub() as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        findings = examine(on_vllm(revision=COMMIT))
    assert find(findings, "hub").detail == f"{address} answers"
    assert find(findings, WEIGHTS).level is Level.WARNING
    assert f"hf download {MODEL} --revision {COMMIT}" in find(findings, WEIGHTS).remedy
    assert "19.2 GiB to download" in find(findings, "model cache").detail


def test_weights_that_cannot_be_had_are_a_fault_only_for_a_build() -> None:
    findings = examine(on_vllm())
    assert find(findings, "hub").level is Level.WARNING
    assert NOBODY in find(findings, "hub").detail
    assert find(findings, WEIGHTS).level is Level.FAULT
    assert "HF_HOME" in find(findings, WEIGHTS).remedy
    assert find(examine(on_vllm(required=False)), WEIGHTS).level is Level.WARNING


@pytest.mark.parametrize("proxy", ["ftp://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_no_traceback(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    close_session()  # its client reads the environment once
    try:
        finding = find(examine(on_vllm()), "hub")
    finally:
        close_session()
    assert finding.level is Level.WARNING
    assert "proxy" in finding.detail
    assert "HTTPS_PROXY" in finding.remedy


def test_offline_mode_is_named_and_the_hub_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub() as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        findings = examine(on_vllm())
    assert "offline mode" in find(findings, "hub").detail
    assert find(findings, WEIGHTS).level is Level.FAULT


@pytest.mark.parametrize(
    ("kind", "said"),
    [("missing", "no such model"), ("gated", "accepted its terms"), ("barred", "answers 401 Unauthorized")],
)
def test_a_model_that_the_hub_refuses_is_a_fault(monkeypatch: pytest.MonkeyPatch, kind: str, said: str) -> None:
    with serve_hub(**{kind: {MODEL}}) as address:  # type: ignore[arg-type]  # by name
        monkeypatch.setattr(constants, "ENDPOINT", address)
        findings = examine(on_vllm(), on_vllm(KIMI))
    assert find(findings, WEIGHTS).level is Level.FAULT
    assert said in find(findings, WEIGHTS).detail
    assert find(findings, f"{KIMI} weights").level is Level.WARNING


def test_a_cache_that_cannot_be_written_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    finding = find(examine(on_vllm()), "model cache")
    assert finding.level is Level.FAULT
    assert "HF_HOME" in finding.remedy


def test_a_disk_without_room_for_the_weights_is_a_fault(tmp_path: Path) -> None:
    case = on_vllm()
    free = shutil.disk_usage(tmp_path).free / 2**30
    requires = case.spec.requires.model_copy(update={"weights_gib": free + 100})
    spec = case.spec.model_copy(update={"requires": requires})
    finding = find(examine(Case(spec, case.engine, required=True)), "model cache")
    assert finding.level is Level.FAULT
    assert "to download" in finding.detail


def test_what_is_to_come_counts_for_the_caches_own_disk_alone(cache: Path, tmp_path: Path) -> None:
    cases = [on_vllm(), on_vllm(KIMI), on_vllm(model=str(tmp_path))]
    assert round(bytes_to_come(cases, tmp_path / "run") / 2**30, 1) == 19.2 + 30.6
    assert bytes_to_come(cases, Path("/proc/run")) == 0
    fill(cache)
    assert round(bytes_to_come(cases, tmp_path / "run") / 2**30, 1) == 30.6


@pytest.mark.parametrize("name", ["model.safetensors", "of-another-name.safetensors"])
def test_a_folder_with_a_checkpoint_needs_neither_cache_nor_hub(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(NORMALISING))
    (tmp_path / name).write_bytes(bytes(2**20))
    (finding,) = examine(on_vllm(model=str(tmp_path)))
    assert finding.level is Level.OK


@pytest.mark.parametrize("files", [[], ["config.json"], ["model.safetensors"]])
def test_a_folder_without_a_whole_checkpoint_is_a_fault(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).touch()
    (finding,) = examine(on_vllm(model=str(tmp_path)))
    assert finding.level is Level.FAULT
    assert str(tmp_path) in finding.detail


def test_a_folder_that_lacks_a_file_of_its_index_is_a_fault(cache: Path) -> None:
    folder = fill(cache, ["a"])
    (finding,) = examine(on_vllm(model=str(folder)))
    assert finding.level is Level.FAULT
    assert finding.detail == f"{folder} holds no b.safetensors"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("preprocessor_config.json", "{}", True),
        ("preprocessor_config.json", '{"image_mean": [0.5, 0.5, 0.5]}', True),
        ("preprocessor_config.json", '{"image_mean": [0.5], "image_std": [0.5], "do_normalize": false}', True),
        ("preprocessor_config.json", "[", True),
        ("preprocessor_config.json", '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}', False),
        ("processor_config.json", '{"image_processor": {"do_normalize": true}}', False),
    ],
)
def test_pictures_that_vllm_would_show_raw_are_a_fault(cache: Path, name: str, content: str, *, said: bool) -> None:
    folder = fill(cache)
    (folder / "preprocessor_config.json").unlink()
    (folder / name).write_text(content)
    for case in (on_vllm(), on_vllm(model=str(folder))):
        faults = [finding.what for finding in examine(case) if finding.level is Level.FAULT]
        assert faults == ([f"{GLM} pictures"] if said else [])
    by_itself = on_vllm(model=str(folder), engine_args={"mm_device_do_normalize": False})
    assert [finding.level for finding in examine(by_itself)] == [Level.OK]
    assert f"{KIMI} pictures" not in [finding.what for finding in examine(on_vllm(KIMI, model=str(folder)))]


def test_remote_code_without_a_commit_is_a_fault_and_todays_commit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub() as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        for revision in (None, "main"):
            finding = find(examine(on_vllm(KIMI, revision=revision)), f"{KIMI} revision")
            assert finding.level is Level.FAULT
            assert "Python code of its own" in finding.detail
            assert COMMIT in finding.remedy
        assert find(examine(on_vllm(KIMI, required=False)), f"{KIMI} revision").level is Level.WARNING
        assert f"{KIMI} revision" not in [finding.what for finding in examine(on_vllm(KIMI, revision=COMMIT))]


def test_a_revision_that_is_not_pinned_is_a_warning_to_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub() as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        finding = find(examine(on_vllm()), f"{GLM} revision")
        assert finding.level is Level.WARNING
        assert COMMIT in finding.remedy
        assert f"{GLM} revision" not in [finding.what for finding in examine(on_vllm(required=False))]


def test_the_token_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    for kinds in ({"missing": {MODEL}}, {"gated": {MODEL}}, {}):
        with serve_hub(**kinds) as address:  # type: ignore[arg-type]  # by name
            monkeypatch.setattr(constants, "ENDPOINT", address)
            assert "hf_secret" not in str(examine(on_vllm()))


def test_a_login_in_the_hubs_address_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_hub() as address:
        for endpoint in (address, NOBODY):
            monkeypatch.setattr(constants, "ENDPOINT", endpoint.replace("//", "//user:secret@"))
            findings = examine(on_vllm())
            assert "secret" not in str(findings)
            assert endpoint in find(findings, "hub").detail
