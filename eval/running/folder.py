"""An evaluation's folder: where everything lies, and whose it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipeline.files import TEMPORARY_SUFFIX, write_atomic
from pipeline.outputs import occupied
from schemas.base import canonical_json
from schemas.errors import RunDirectoryError
from schemas.evaluation import EVALUATION_LAYOUT, EvaluationIdentity

_LOCK_FILE = ".lock"
_REMEDY = "choose another --out"


@dataclass(frozen=True, slots=True)
class EvaluationFolder:
    """Places inside one evaluation's folder."""

    path: Path

    @property
    def identity(self) -> Path:
        """Whose it is."""
        return self.path / "evaluation.json"

    @property
    def ledger(self) -> Path:
        """Every answer, as the engine gave it."""
        return self.path / "ledger"

    @property
    def report(self) -> Path:
        """What the engine did when it last worked."""
        return self.path / "generation.json"

    @property
    def predictions(self) -> Path:
        """The answers as ``score`` reads them."""
        return self.path / "predictions.jsonl"

    @property
    def scores(self) -> Path:
        """What they are worth."""
        return self.path / "scores"


def check_folder(path: Path, identity: EvaluationIdentity) -> EvaluationFolder:
    """Say whether a folder can serve an evaluation, without touching it.

    Raises:
        RunDirectoryError: it belongs to another evaluation, holds other files, or is none.
    """
    folder = EvaluationFolder(path)
    if path.exists() and not path.is_dir():
        raise RunDirectoryError(f"{path}: is a file", _REMEDY)
    if folder.identity.exists():
        _check_identity(folder, identity)
    elif path.is_dir() and not all(_is_ours(entry) for entry in path.iterdir()):
        raise RunDirectoryError(f"{path}: holds other files", "choose an empty or new folder as --out")
    return folder


@contextlib.contextmanager
def claimed(folder: EvaluationFolder, identity: EvaluationIdentity) -> Iterator[None]:
    """Hold a folder for this process while the block runs, and bind it to the evaluation.

    Raises:
        ConfigError: another process holds it, or it cannot be made.
        RunDirectoryError: it belongs to another evaluation.
    """
    with occupied(folder.path, _LOCK_FILE):
        check_folder(folder.path, identity)
        if not folder.identity.exists():
            write_atomic(folder.identity, canonical_json(identity.model_dump(mode="json")))
        yield


def _check_identity(folder: EvaluationFolder, identity: EvaluationIdentity) -> None:
    try:
        stored = EvaluationIdentity.model_validate_json(folder.identity.read_bytes())
    except ValidationError as error:
        raise RunDirectoryError(f"{folder.identity}: damaged, or of another version", _REMEDY) from error
    if stored.layout != EVALUATION_LAYOUT:
        raise RunDirectoryError(f"{folder.path}: made by another version", _REMEDY)
    changed = [
        f"{name} was {getattr(stored, name)!r} and is {getattr(identity, name)!r}"
        for name in EvaluationIdentity.model_fields
        if getattr(stored, name) != getattr(identity, name)
    ]
    if changed:
        raise RunDirectoryError(f"{folder.path}: belongs to another evaluation ({'; '.join(changed)})", _REMEDY)


def _is_ours(entry: Path) -> bool:
    """Whether a first start that was killed at once may have left this."""
    return entry.name == _LOCK_FILE or entry.name.endswith(TEMPORARY_SUFFIX)
