"""From a drawn image to an item, with what the embedded engine says of its picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from eval.benchmark.baselines import describe_pixels
from eval.benchmark.survey import SHOWN_LABEL, Candidate, alone
from pipeline.packed import PackedDataset
from pipeline.screening import UnusableImageError, as_upright_jpeg
from pipeline.taxonomy import Taxonomy, load_taxonomy
from pipeline.workers import ordered_map, resolve_workers
from schemas.benchmark import BenchmarkItem, Hypernym, Picture, Reference
from schemas.errors import DatasetError
from schemas.manifest import ShardEntry
from schemas.record import ThinkRecord

ITEMS_PER_WORKER = 100
"""A process takes about a second to start, and measuring so many pictures a few."""


class Made(NamedTuple):
    """An item, and what else its picture was opened for."""

    item: BenchmarkItem
    pixels: tuple[str, str] | None
    """Thinking and answer of the embedded engine; ``None`` without a picture."""


@dataclass(frozen=True, slots=True)
class ItemJob:
    """Everything that a worker process needs to make an item."""

    dataset: PackedDataset
    """Its manifest names the image's shard alone."""
    shard: ShardEntry
    place: int
    """Where in the shard the image begins."""
    candidate: Candidate
    pictures: bool
    """Whether the item is to hold its picture."""


def make_items(
    dataset: PackedDataset, drawn: Sequence[Candidate], *, pictures: bool, workers: int | None
) -> Iterator[Made]:
    """Make the items of drawn images, in order, a few in memory at a time.

    Args:
        dataset: that they were drawn from.
        drawn: the images.
        pictures: whether items are to hold their pictures.
        workers: processes, 0 for one per core; as many as are worth starting when ``None``.

    Raises:
        DatasetError: an image is gone, or its picture does not decode.
    """
    if workers is None:
        workers = max(1, min(resolve_workers(0), len(drawn) // ITEMS_PER_WORKER))
    yield from ordered_map(make_item, _plan(dataset, drawn, pictures=pictures), workers)


def make_item(job: ItemJob) -> Made:
    """Make one item; errors as of :func:`make_items`."""
    row = job.dataset.read_at(job.shard, job.place)
    if row.record.label_shown:
        raise DatasetError(f"{row.key}: the teachers were told its class", SHOWN_LABEL)
    if row.jpeg is None:
        return Made(_assemble(row.record, job, None), None)
    try:
        jpeg = as_upright_jpeg(row.jpeg) or row.jpeg
        pixels = describe_pixels(jpeg)
    except UnusableImageError as error:
        raise DatasetError(f"{row.key}: {error.problem}", f"see imagenet-think verify {job.dataset.root}") from error
    return Made(_assemble(row.record, job, jpeg if job.pictures else None), pixels)


def list_hypernyms(wnid: str, taxonomy: Taxonomy) -> tuple[Hypernym, ...]:
    """All synsets above one, the nearest first, by fewest steps."""
    found: dict[str, int] = {}
    level, steps = set(taxonomy[wnid].parents), 1
    while level:
        found |= dict.fromkeys(level, steps)
        level = {parent for above in level for parent in taxonomy[above].parents} - found.keys()
        steps += 1
    ordered = sorted(found.items(), key=lambda entry: (entry[1], entry[0]))
    return tuple(Hypernym(wnid=above, lemmas=taxonomy[above].lemmas, steps=away) for above, away in ordered)


def _plan(dataset: PackedDataset, drawn: Iterable[Candidate], *, pictures: bool) -> Iterator[ItemJob]:
    places: dict[str, tuple[PackedDataset, ShardEntry, int]] = {}
    for shard in dataset.shards("benchmark"):
        lone = alone(dataset, shard)
        places |= {key: (lone, shard, place) for key, place in dataset.keys(shard)}
    for candidate in drawn:
        if candidate.key not in places:
            raise DatasetError(f"{dataset.root}: {candidate.key} is there no more", "leave the dataset be meanwhile")
        yield ItemJob(*places[candidate.key], candidate, pictures)


def _assemble(record: ThinkRecord, job: ItemJob, jpeg: bytes | None) -> BenchmarkItem:
    candidate = job.candidate
    texts = {pair.teacher: pair for pair in record.pairs}
    teachers = [teacher.name for teacher in job.dataset.manifest.teachers]
    if missing := [name for name in teachers if name not in texts]:
        raise DatasetError(f"{record.image_id}: has no text of {missing[0]}", f"see verify {job.dataset.root}")
    return BenchmarkItem(
        key=record.image_id,
        image=None if jpeg is None else Picture(bytes=jpeg, path=f"{record.image_id}.jpg"),
        image_sha256=record.sha256,
        width=record.width,
        height=record.height,
        prompt=record.prompt,
        wnid=record.wnid,
        lemmas=record.lemmas,
        definition=record.definition,
        hypernyms=list_hypernyms(record.wnid, load_taxonomy()),
        domain=record.domain,
        depth=record.depth,
        level=candidate.level,
        stratum=record.stratum,
        complexity=record.complexity,
        phash=record.phash,
        references=tuple(
            Reference(teacher=name, thinking=texts[name].thinking, answer=texts[name].answer) for name in teachers
        ),
    )
