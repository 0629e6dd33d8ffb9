"""Which weights an engine runs: a repository on the hub at a commit, or a folder of one's own."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from schemas.errors import ConfigError, EngineError
from schemas.teacher import TeacherSpec

_COMMIT = re.compile(r"[0-9a-f]{40}")

_HASHED_WHOLE = 64 * 2**20
"""Bytes up to which a file of a local checkpoint is hashed whole."""

_HEAD = 2**20
"""Bytes hashed of a larger one: a safetensors header lies within."""


class ModelSettings(Protocol):
    """The part of an engine's configuration that says which model."""

    @property
    def model(self) -> str | None:
        """Repository or folder; the teacher's when ``None``."""

    @property
    def revision(self) -> str | None:
        """Commit; the teacher's when ``None``."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights, tokenizer and processor of one model, known exactly."""

    model: str
    """Repository on the hub, or the folder's path."""
    revision: str
    """The hub's commit hash, or ``local-`` and a digest of the folder."""
    is_pinned: bool
    """The configuration names the commit; otherwise it is the one that the hub's default branch has today."""
    is_local: bool
    remote_code: bool
    """Python code of the repository is run."""


def check_checkpoint(settings: ModelSettings, teacher: TeacherSpec) -> None:
    """Meet what can be known to be wrong without network, weights or GPU.

    Raises:
        ConfigError: vLLM is not installed, a folder holds no checkpoint, or remote code would run from a revision that
            is not a commit hash.
    """
    if importlib.util.find_spec("vllm") is None:
        raise ConfigError(
            f"{teacher.name}: vLLM is not installed here",
            "install imagenet-think[gpu], or use engine {kind: openai} with a server elsewhere",
        )
    model, revision = named_model(settings, teacher)
    if not is_folder(model):
        _require_pin(model, revision, teacher)
    elif not (Path(model).expanduser() / "config.json").is_file():
        raise ConfigError(f"{teacher.name}: {model} holds no config.json", "name a folder with a whole checkpoint")


def resolve_checkpoint(settings: ModelSettings, teacher: TeacherSpec) -> Checkpoint:
    """Learn exactly which weights are meant; from the local cache where the hub cannot be reached.

    Raises:
        ConfigError: see :func:`check_checkpoint`.
        EngineError: the hub knows no such model or revision or wants a token; or it cannot be reached and the cache
            does not hold the model.
    """
    check_checkpoint(settings, teacher)
    model, revision = named_model(settings, teacher)
    if is_folder(model):
        folder = Path(model).expanduser().resolve()
        digest = f"local-{_digest_folder(folder)}"
        return Checkpoint(str(folder), digest, is_pinned=True, is_local=True, remote_code=teacher.remote_code)
    commit = _resolve_commit(model, revision)
    return Checkpoint(model, commit, is_pinned=is_commit(revision), is_local=False, remote_code=teacher.remote_code)


def named_model(settings: ModelSettings, teacher: TeacherSpec) -> tuple[str, str | None]:
    """Model and revision; the teacher's revision belongs to the teacher's model alone."""
    if settings.model is None or settings.model == teacher.model:
        return teacher.model, settings.revision or teacher.revision
    return settings.model, settings.revision or None


def is_folder(model: str) -> bool:
    """Whether a model is named by its place on disk and not by its name on the hub."""
    return model.startswith(("/", "./", "../", "~")) or Path(model).is_dir()


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a whole commit hash, and not a branch, a tag or nothing, which may move."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def _require_pin(model: str, revision: str | None, teacher: TeacherSpec) -> None:
    if teacher.remote_code and not is_commit(revision):
        given = f"revision {revision!r} is no commit hash" if revision else "no revision is named"
        raise ConfigError(
            f"{teacher.name}: {model} runs Python code of its own, and {given}",
            "read that code, then set engine.revision to the commit's 40 hexadecimal digits "
            f"(git ls-remote, or the page of {model} under Files, History)",
        )


def _resolve_commit(model: str, revision: str | None) -> str:
    from huggingface_hub import HfApi  # noqa: PLC0415 - takes its time, and only models need it

    # HTTPError is the root of what its HTTP client raises
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # noqa: PLC0415
        GatedRepoError,
        HFValidationError,
        HTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        commit = HfApi().model_info(model, revision=revision, timeout=20).sha
    except HFValidationError as error:
        raise EngineError(f"{model}: neither a folder here nor a name the hub can have ({error})") from error
    except GatedRepoError as error:
        raise EngineError(f"{model}: gated", "accept its terms on the hub and set HF_TOKEN") from error
    except RepositoryNotFoundError as error:
        raise EngineError(
            f"{model}: the hub has no such model, or not for you", "check engine.model, or set HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise EngineError(f"{model}: has no revision {revision}", "check engine.revision") from error
    except (HTTPError, OfflineModeIsEnabled, OSError) as error:
        return _find_cached(model, revision, error)
    return commit or revision or "unknown"


def _find_cached(model: str, revision: str | None, reason: Exception) -> str:
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - takes its time, and only models need it

    cached = try_to_load_from_cache(model, "config.json", revision=revision)
    if not isinstance(cached, str):
        at = f" at {revision}" if revision else ""
        raise EngineError(
            f"{model}{at}: not in the local cache, and the hub cannot be reached ({_first_line(reason)})",
            f"download it where there is a network (hf download {model}), or set engine.model to a folder",
        ) from reason
    return Path(cached).parent.name


def _digest_folder(folder: Path) -> str:
    """Sixteen hexadecimal digits over names, sizes and contents; of large files only the first MiB is read.

    Hidden files are left out: what git and ``hf download`` keep there differs between two copies of one checkpoint.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name, size = path.relative_to(folder), path.stat().st_size
        if any(part.startswith(".") for part in name.parts):
            continue
        digest.update(f"{name.as_posix()}\0{size}\0".encode("utf-8", "surrogateescape"))
        with path.open("rb") as file:
            digest.update(file.read(_HASHED_WHOLE if size <= _HASHED_WHOLE else _HEAD))
    return digest.hexdigest()[:16]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
