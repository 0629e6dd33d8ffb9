"""The folder in which pictures are put back, and the one beside it that remembers how far that has come."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import held, write_atomic
from schemas.errors import ConfigError, RunDirectoryError
from schemas.manifest import ShardEntry

_CHOOSE = "choose an empty or new folder as --out"
_LOCK = "lock"
_OWNER = "annotations.sha256"


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where everything lies. The work folder stands beside the dataset, whose own folder holds nothing but itself."""

    out: Path
    work: Path

    @classmethod
    def of(cls, out: Path) -> Workplace:
        """The places that belong to an ``--out``."""
        out = Path(os.path.abspath(out))  # noqa: PTH100 - Path.absolute keeps the dots
        return cls(out, out.parent / f".{out.name}.rejoin")

    @property
    def annotations(self) -> Path:
        """What is fetched of annotations on the hub."""
        return self.work / "annotations"

    @property
    def index(self) -> Path:
        """What the source holds."""
        return self.work / "index"

    @property
    def candidates(self) -> Path:
        """The pictures out of a source that can only be streamed."""
        return self.work / "candidates"

    def receipt(self, shard: ShardEntry) -> Path:
        """What says that a shard is finished."""
        return self.work / "receipts" / f"{Path(shard.path).stem}.json"

    def part(self, shard: ShardEntry) -> Path:
        """A shard's part of the listing."""
        return self.work / "parts" / f"{Path(shard.path).stem}.parquet"

    @property
    def listing(self) -> Path:
        """All pictures that are not exact."""
        return self.work / "rejoin.parquet"

    @property
    def rejections(self) -> Path:
        """The annotations' table of rejections, and those that came on top."""
        return self.work / "rejections.parquet"

    def check_apart(self, annotations: Path) -> None:
        """Refuse to write into the annotations, which stay as they are.

        Raises:
            ConfigError: the dataset would lie in the annotations' folder, or the other way round.
        """
        here, there = self.out.resolve(), annotations.resolve()
        if here == there or here in there.parents or there in here.parents:
            raise ConfigError(f"{self.out} and {annotations}: one lies in the other", _CHOOSE)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Make the work folder, and hold it for this process.

        Raises:
            ConfigError: ``out`` is a file, or holds what was not put there by this.
            RunDirectoryError: another process is at work there, or the folder cannot be made.
        """
        try:
            self._check_out()
            self.work.mkdir(parents=True, exist_ok=True)
            (self.work / _LOCK).touch()
        except OSError as error:
            raise RunDirectoryError(
                f"{self.out}: cannot be written ({error.strerror})", "choose another --out"
            ) from error
        with held(self.work / _LOCK, self._refuse):
            yield

    def _refuse(self, holder: str) -> RunDirectoryError:
        return RunDirectoryError(
            f"{self.out}: process {holder} puts pictures back there", "wait for it, or choose another --out"
        )

    def claim(self, annotations: str) -> None:
        """Let the work folder belong to one annotations edition, named by its manifest's digest.

        Raises:
            ConfigError: it belongs to another one.
        """
        marker = self.work / _OWNER
        if not marker.exists():
            write_atomic(marker, annotations.encode())
        elif marker.read_text() != annotations:
            raise ConfigError(
                f"{self.out}: the pictures of other annotations, or of another release of them, are put back there",
                f"choose another --out, or remove it together with {self.work}",
            )

    def _check_out(self) -> None:
        if self.out.exists() and not self.out.is_dir():
            raise ConfigError(f"{self.out} is a file", _CHOOSE)
        if not (self.work / _OWNER).exists() and self.out.is_dir() and any(self.out.iterdir()):
            raise ConfigError(f"{self.out} is not empty", _CHOOSE)
