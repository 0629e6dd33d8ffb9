"""A world in which everything that the card counts varies, and that has lost images at every stage."""

from __future__ import annotations

import random
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.tables import write_rows
from schemas.completion import Completion, FinishReason, PairStatus, Rung
from schemas.image import Holdout, SelectedImage, Split
from schemas.manifest import SelectionManifest
from schemas.rejection import Rejection, RejectReason, Stage
from tests.pipeline.packing.world import (
    GLM,
    KIMI,
    MemorySource,
    Results,
    World,
    gzipped,
    make_completion,
    make_image,
    make_jpeg,
    make_png,
)

# tench, housedog, apple, chair, daisy, ballplayer: of five domains and four depths
CLASSES = ("n01440764", "n02104280", "n07739125", "n03001627", "n11939491", "n09835506")
LEFT_OVER = 11
REJECTED = {
    Stage.INDEX: {RejectReason.NOT_AN_IMAGE_ID: 3, RejectReason.DUPLICATE_ID: 2},
    Stage.SELECT: {RejectReason.TOO_SMALL: 4, RejectReason.DECODE_ERROR: 1},
}
HOLDOUTS: tuple[Holdout, ...] = ("image", "synset", "subtree")


@dataclass
class CountedResults(Results):
    """Results that also know of attempts in vain."""

    failed: dict[PairStatus, int] = field(default_factory=dict)

    def attempts(self, image_ids: AbstractSet[str]) -> Mapping[PairStatus, int]:
        return {**super().attempts(image_ids), **self.failed}


@dataclass
class VariedWorld(World):
    """A world whose draw left candidates over."""

    def manifest(self) -> SelectionManifest:
        drawn = super().manifest()
        unsigned = {"left_over": LEFT_OVER, "candidates": drawn.candidates + LEFT_OVER}
        return drawn.model_copy(update=unsigned).signed()


def make_varied_world(directory: Path, images: int = 60, seed: int = 0) -> VariedWorld:
    """Images, pairs and rejections drawn at random; the last two images are given up by a teacher each."""
    rng = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {}
    selected = [_draw_image(number, rng, files) for number in range(images)]
    ids = [image.ref.image_id for image in selected]
    glm = CountedResults(GLM, [_draw_completion(each, GLM, rng) for each in ids[:-1]])
    glm.failed = {PairStatus.TRUNCATED: 7, PairStatus.NO_THINK: 2}
    glm.faults[ids[-1]] = (RejectReason.TRUNCATED, "glm: truncated after 4 attempt(s)")
    kimi = CountedResults(KIMI, [_draw_completion(each, KIMI, rng) for each in ids[:-2]])
    kimi.failed = {PairStatus.REPETITION: 5}
    kimi.faults |= dict.fromkeys(ids[-2:], (RejectReason.REFUSED, "kimi: refused"))
    world = VariedWorld(directory, selected, MemorySource(files), [glm, kimi], images_per_shard=13)
    for stage, reasons in REJECTED.items():
        world.earlier[stage] = directory / f"{stage}.parquet"
        write_rows(world.earlier[stage], _rejections(stage, reasons), Rejection)
    return world


def _draw_image(number: int, rng: random.Random, files: dict[str, bytes]) -> SelectedImage:
    image_id = f"{rng.choice(CLASSES)}_{number}"
    data, kind = rng.choice([(make_jpeg(number), "JPEG")] * 4 + [(gzipped(make_jpeg(number)), "JPEG")])
    if rng.random() < 0.2:
        data, kind = make_png(number), "PNG"
    files[image_id] = data
    split: Split = "benchmark" if number % 4 == 3 else "train"
    image = make_image(image_id, data, number, split, kind)  # type: ignore[arg-type] # one of two formats
    changes = {
        "facts": image.facts.model_copy(update={"greyscale": rng.random() < 0.3}),
        "stratum": rng.choice(["low", "middle", "high"]),
        "blurred": rng.random() < 0.2,
        "holdout": "none" if split == "train" else rng.choice(HOLDOUTS),
    }
    return image.model_copy(update=changes)


def _draw_completion(image_id: str, teacher: str, rng: random.Random) -> Completion:
    changes = {
        "thinking_tokens": rng.randrange(3000),
        "answer_tokens": rng.randrange(400),
        "finish_reason": rng.choice([FinishReason.STOP, FinishReason.STOP, FinishReason.LENGTH]),
        "forced_close": rng.random() < 0.1,
    }
    return make_completion(image_id, teacher, rung=rng.choice(list(Rung))).model_copy(update=changes)


def _rejections(stage: Stage, reasons: Mapping[RejectReason, int]) -> list[Rejection]:
    return [
        Rejection(image_id="", wnid="", stage=stage, reason=reason, detail=f"file {number}")
        for reason, count in reasons.items()
        for number in range(count)
    ]
