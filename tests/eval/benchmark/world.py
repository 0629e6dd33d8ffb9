"""A packed dataset whose benchmark split has all three levels, and candidates that are made up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from eval.benchmark.survey import Candidate, Traces
from pipeline.packed import open_dataset
from pipeline.packing.card import Placement
from pipeline.progress import Silent
from pipeline.publishing.editions.stage import stage_release
from schemas.benchmark import LEVELS, Level
from schemas.image import Holdout, SelectedImage, Split, Stratum
from tests.pipeline.packing.world import GLM, KIMI, MemorySource, World, answer_all, make_image, make_jpeg

TENCH, HOUSEDOG, SCOOTER, TABBY = "n01440764", "n02104280", "n03791053", "n02123045"
DOMESTIC_CAT = "n02121808"
"""Above tabby: the subtree that this world holds out."""

STRATA: tuple[Stratum, ...] = ("low", "middle", "high")

_HELD_OUT: tuple[tuple[str, Holdout], ...] = (
    (TENCH, "image"),
    (HOUSEDOG, "image"),
    (SCOOTER, "synset"),
    (TABBY, "subtree"),
)


def select(number: int, wnid: str, holdout: Holdout) -> tuple[SelectedImage, bytes]:
    """A row of the selection and its file; perceptual hashes of different numbers are far apart."""
    split: Split = "train" if holdout == "none" else "benchmark"
    jpeg = make_jpeg(number, (64, 48))
    image = make_image(f"{wnid}_{number}", jpeg, number, split)
    facts = image.facts.model_copy(update={"width": 64, "height": 48, "phash": far_hash(number)})
    return image.model_copy(update={"facts": facts, "holdout": holdout, "stratum": STRATA[number % 3]}), jpeg


def far_hash(number: int) -> str:
    """64 bits as good as random."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:16]


def make_world(directory: Path, train: int = 6, each: int = 3, engine: str = "vllm") -> World:
    """A world that is not yet packed.

    Args:
        directory: where it will lie.
        train: images of train, of two classes by turns.
        each: held-out images of each of four classes: two at the level ``image``, and one at either other level.
        engine: that the texts are said to come from.
    """
    rows = [select(number, (TENCH, HOUSEDOG)[number % 2], "none") for number in range(train)]
    rows += [
        select(train + place * len(_HELD_OUT) + number, wnid, holdout)
        for place in range(each)
        for number, (wnid, holdout) in enumerate(_HELD_OUT)
    ]
    images = [image for image, _ in rows]
    source = MemorySource({image.ref.image_id: jpeg for image, jpeg in rows})
    directory.mkdir(parents=True, exist_ok=True)
    return World(directory, images, source, [answer_all(name, images, engine=engine) for name in (GLM, KIMI)])


def make_dataset(directory: Path) -> Path:
    """The dataset of such a world."""
    world = make_world(directory)
    world.pack()
    return world.out


def without_pictures(dataset: Path, out: Path) -> Path:
    """A dataset's edition of annotations alone."""
    return stage_release(open_dataset(dataset), out, "annotations", Placement(), Silent(), workers=1).root


def make_candidate(
    number: int,
    level: Level = "image",
    wnid: str = TENCH,
    domain: str = "animal",
    stratum: Stratum = "low",
) -> Candidate:
    """A candidate that shares nothing with any of another number."""
    digest = hashlib.sha256(str(number).encode()).digest()
    traces = Traces(f"{wnid}_{number}", wnid, digest, int(far_hash(number), 16))
    return Candidate(traces, level, domain, stratum)


def make_candidates(count: int, levels: Sequence[Level] = LEVELS) -> list[Candidate]:
    """Candidates of every level, of three domains with a class each, and of every stratum."""
    classes = ((TENCH, "animal"), (SCOOTER, "artifact"), ("n07753592", "food"))
    return [
        make_candidate(number, levels[number % len(levels)], *classes[number // 3 % 3], STRATA[number // 9 % 3])
        for number in range(count)
    ]
