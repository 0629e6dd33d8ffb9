"""Which weights are meant is known exactly before anything is loaded, or one line says what is missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pipeline.engines import check_engine
from pipeline.engines.checkpoint import resolve_checkpoint
from pipeline.teachers import GRAMMARS, load_teacher
from schemas.engines import VllmEngine
from schemas.errors import ConfigError, EngineError

GLM = load_teacher("glm-4.1v-9b-thinking")
KIMI = load_teacher("kimi-vl-a3b-thinking-2506")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pipeline.engines.checkpoint.importlib.util.find_spec", lambda _: "installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def configure(model: Path | str | None = None, revision: str | None = None) -> VllmEngine:
    return VllmEngine(kind="vllm", model=None if model is None else str(model), revision=revision)


def cache(root: Path, repository: str, commit: str, reference: str = "main") -> None:
    """Lay a model into the hub's cache as a download does."""
    home = root / "cache" / f"models--{repository.replace('/', '--')}"
    (home / "snapshots" / commit).mkdir(parents=True)
    (home / "snapshots" / commit / "config.json").write_text("{}")
    (home / "refs").mkdir()
    (home / "refs" / reference).write_text(commit)


def test_a_folder_is_known_by_what_it_holds(folder: Path) -> None:
    first = resolve_checkpoint(configure(folder), GLM)
    assert first.is_local
    assert first.is_pinned
    assert first.model == str(folder)
    assert first.revision.startswith("local-")
    assert resolve_checkpoint(configure(folder), GLM) == first
    (folder / "model.safetensors").write_bytes(b"others!")
    assert resolve_checkpoint(configure(folder), GLM).revision != first.revision


def test_what_tools_keep_beside_a_checkpoint_does_not_make_it_another(folder: Path) -> None:
    first = resolve_checkpoint(configure(folder), GLM)
    notes = folder / ".cache" / "huggingface" / "download"
    notes.mkdir(parents=True)
    (notes / "config.json.metadata").write_text("etag and time of this download")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs")
    assert resolve_checkpoint(configure(folder), GLM) == first


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no config\.json; name a folder with a whole checkpoint"):
        resolve_checkpoint(configure(tmp_path), GLM)


def test_without_the_hub_the_cache_says_which_commit_it_holds(tmp_path: Path) -> None:
    cache(tmp_path, GLM.model, COMMIT)
    found = resolve_checkpoint(configure(), GLM)
    assert (found.model, found.revision, found.is_pinned) == (GLM.model, COMMIT, False)


def test_a_named_commit_is_pinned(tmp_path: Path) -> None:
    cache(tmp_path, GLM.model, COMMIT)
    assert resolve_checkpoint(configure(revision=COMMIT), GLM).is_pinned


def test_neither_hub_nor_cache_is_one_line_with_the_way_out() -> None:
    with pytest.raises(EngineError, match=r"not in the local cache, and the hub cannot be reached .*; download it"):
        resolve_checkpoint(configure(), GLM)


def test_a_name_that_no_hub_can_have_is_refused() -> None:
    with pytest.raises(EngineError, match="neither a folder here nor a name the hub can have"):
        resolve_checkpoint(configure("three words here"), GLM)


@pytest.mark.parametrize("revision", [None, "main", COMMIT[:7], COMMIT.upper()])
def test_remote_code_never_runs_from_a_revision_that_can_move(revision: str | None) -> None:
    with pytest.raises(ConfigError, match=r"runs Python code of its own.*40 hexadecimal digits"):
        check_engine(configure(revision=revision), KIMI, GRAMMARS[KIMI.grammar], KIMI.sampling)


def test_only_a_teacher_that_needs_it_runs_remote_code(tmp_path: Path) -> None:
    for teacher in (GLM, KIMI):
        cache(tmp_path, teacher.model, COMMIT)
    assert not resolve_checkpoint(configure(revision=COMMIT), GLM).remote_code
    assert resolve_checkpoint(configure(revision=COMMIT), KIMI).remote_code


def test_texts_that_fill_the_context_are_refused_before_anything_starts(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_tokens 8,192 leaves no room for picture and prompt in .* 8,192"):
        check_engine(
            configure(folder).model_copy(update={"max_model_len": 8192}), GLM, GRAMMARS[GLM.grammar], GLM.sampling
        )


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="says what happens where vLLM is missing")
def test_without_vllm_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with pytest.raises(ConfigError, match=r"vLLM is not installed here; install imagenet-think\[gpu\]"):
        check_engine(configure(), GLM, GRAMMARS[GLM.grammar], GLM.sampling)
