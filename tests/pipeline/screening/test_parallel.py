"""Screening over processes: every reference comes back once, in order, with the verdict that one process gives."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.progress import Progress
from pipeline.screening import Unusable, screen, screen_all
from pipeline.screening.parallel import BATCH
from pipeline.sources.base import Batch, Container
from schemas.config import ScreeningConfig
from schemas.errors import SourceError
from schemas.image import ImageFacts, ImageRef
from schemas.rejection import RejectReason
from tests.pipeline.screening.pictures import encode, photograph

pytestmark = pytest.mark.filterwarnings("error")


@dataclass(frozen=True)
class Folder:
    """A source of files in one folder."""

    root: Path
    form: str = "folder"
    is_stream: bool = False

    def containers(self) -> Iterator[Container]:
        raise NotImplementedError

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        raise NotImplementedError

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        """Nothing to do: files can be read in any order."""

    def read(self, ref: ImageRef) -> bytes:
        try:
            return (self.root / ref.container).read_bytes()
        except OSError as error:
            raise SourceError(f"{ref.container}: cannot be read", "restore it") from error

    def file_of(self, ref: ImageRef) -> Path:
        return self.root / ref.container


@dataclass(frozen=True)
class WornFolder(Folder):
    """One of its files lies on a bad sector."""

    worn: str = ""

    def read(self, ref: ImageRef) -> bytes:
        if ref.container == self.worn:
            raise SourceError(f"{self.worn} cannot be read") from OSError(errno.EIO, "Input/output error")
        return super().read(ref)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("photographs")
    kinds = [encode(photograph(seed)) for seed in range(4)]
    kinds += [b"", b"<html>", kinds[0][:-50], encode(photograph(size=(50, 50))), encode(photograph(), "PNG")]
    for number in range(2 * BATCH + 7):
        (root / f"{number:04}.JPEG").write_bytes(kinds[number % len(kinds)])
    return Folder(root)


def references(folder: Folder) -> list[ImageRef]:
    return [
        ImageRef(image_id=f"n00000001_{number}", wnid="n00000001", container=path.name, offset=0, size=1)
        for number, path in enumerate(sorted(folder.root.iterdir()))
    ]


def test_verdicts_do_not_depend_on_the_number_of_workers(folder: Folder) -> None:
    refs = references(folder)
    expected = [(ref, screen(folder.read(ref), ScreeningConfig())) for ref in refs]
    assert list(screen_all(folder, refs, ScreeningConfig(workers=1))) == expected
    assert list(screen_all(folder, refs, ScreeningConfig(workers=2))) == expected
    assert {type(verdict) for _, verdict in expected} == {ImageFacts, Unusable}


def test_an_image_on_a_bad_sector_is_unreadable_and_stops_nothing(folder: Folder) -> None:
    refs = references(folder)[:3]
    worn = WornFolder(folder.root, worn=refs[1].container)
    verdicts = [verdict for _, verdict in screen_all(worn, refs, ScreeningConfig(workers=1))]
    assert verdicts[1] == Unusable(RejectReason.UNREADABLE, "the disk cannot read it")
    assert all(isinstance(verdict, ImageFacts) for verdict in (verdicts[0], verdicts[2]))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_image_that_is_gone_stops_the_screening_and_gives_no_verdict(folder: Folder, workers: int) -> None:
    gone = ImageRef(image_id="n00000001_999", wnid="n00000001", container="gone.JPEG", offset=0, size=1)
    with pytest.raises(SourceError, match="gone"):
        list(screen_all(folder, [*references(folder)[:3], gone], ScreeningConfig(workers=workers)))


def test_references_are_drawn_only_as_verdicts_are_taken(folder: Folder) -> None:
    drawn = 0

    def counted() -> Iterator[ImageRef]:
        nonlocal drawn
        for ref in references(folder):
            drawn += 1
            yield ref

    next(screen_all(folder, counted(), ScreeningConfig(workers=1)))
    assert drawn == BATCH


def test_no_references_give_no_verdicts(folder: Folder) -> None:
    assert list(screen_all(folder, [], ScreeningConfig(workers=1))) == []
