"""From a selected image and its completions to the published row and its members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pydantic import Field

from pipeline.tars import tar_member
from pipeline.taxonomy import Taxonomy
from prompts import Prompt
from schemas.base import Contract, canonical_json
from schemas.completion import Completion, PairStatus, ThinkingAnswer
from schemas.errors import ConservationError
from schemas.image import SelectedImage
from schemas.manifest import Edition
from schemas.record import ImageEncoding, Pair, ThinkRecord

MEMBERS: Mapping[Edition, tuple[str, ...]] = MappingProxyType(
    {"pictures": ("cls", "jpg", "json"), "annotations": ("cls", "json")}
)
"""Suffixes of a sample's members, in the order in which they lie in a shard."""


class Entry(Contract):
    """An image on its way into a shard: its row of the selection, and what the taxonomy says of its class."""

    image: SelectedImage
    label: int = Field(ge=0)
    """What the ``cls`` member holds."""
    lemmas: tuple[str, ...]
    definition: str
    domain: str
    depth: int


def build_entry(image: SelectedImage, taxonomy: Taxonomy) -> Entry:
    """Look up an image's class.

    Raises:
        ConservationError: no release of ImageNet-21k holds the class; selection should have refused it.
    """
    wnid = image.ref.wnid
    label = taxonomy.label(wnid)
    if label is None:
        raise ConservationError(f"{image.ref.image_id}: was selected although no release holds {wnid}")
    synset = taxonomy[wnid]
    return Entry(
        image=image,
        label=label,
        lemmas=synset.lemmas,
        definition=synset.definition,
        domain=synset.domain,
        depth=synset.depth,
    )


def build_pair(completion: Completion, parsed: ThinkingAnswer) -> Pair:
    """Put a valid completion and its parsed text together.

    Raises:
        ConservationError: the text is no valid pair, although the ledger was said to hold one.
    """
    if parsed.status is not PairStatus.OK:
        raise ConservationError(
            f"{completion.image_id}: {completion.teacher}'s text was accepted but now parses as {parsed.status}"
        )
    return Pair(
        teacher=completion.teacher,
        model=completion.model,
        revision=completion.revision,
        engine=completion.engine,
        thinking=parsed.thinking,
        answer=parsed.answer,
        raw=completion.text,
        status=PairStatus.OK,
        finish_reason=completion.finish_reason,
        stop_reason=completion.stop_reason,
        attempt=completion.attempt,
        rung=completion.rung,
        forced_close=completion.forced_close,
        seed=completion.seed,
        fingerprint=completion.fingerprint,
        thinking_tokens=completion.thinking_tokens,
        answer_tokens=completion.answer_tokens,
        scores=parsed.scores,
    )


def build_record(entry: Entry, encoding: ImageEncoding, prompt: Prompt, pairs: Iterable[Pair]) -> ThinkRecord:
    """Assemble the published row."""
    image, facts = entry.image, entry.image.facts
    return ThinkRecord(
        image_id=image.ref.image_id,
        wnid=image.ref.wnid,
        lemmas=entry.lemmas,
        definition=entry.definition,
        domain=entry.domain,
        depth=entry.depth,
        width=facts.width,
        height=facts.height,
        bytes=facts.bytes,
        sha256=facts.sha256,
        phash=facts.phash,
        complexity=facts.complexity,
        stratum=image.stratum,
        weight=image.weight,
        greyscale=facts.greyscale,
        blurred=image.blurred,
        source_format=facts.format,
        image_encoding=encoding,
        split=image.split,
        holdout=image.holdout,
        prompt_id=prompt.id,
        prompt=prompt.render(entry.lemmas, entry.definition),
        label_shown=prompt.label_shown,
        pairs=tuple(pairs),
    )


def serialise_record(record: ThinkRecord) -> bytes:
    """The one JSON text of a record: the ``json`` member."""
    return canonical_json(record.model_dump(mode="json"))


def serialise_sample(record: ThinkRecord, jpeg: bytes | None, label: int) -> bytes:
    """The blocks of one sample in a shard; without a picture those of the ``annotations`` edition."""
    members = {"cls": b"%d" % label, "json": serialise_record(record)}
    if jpeg is not None:
        members["jpg"] = jpeg
    return b"".join(tar_member(f"{record.image_id}.{suffix}", data) for suffix, data in sorted(members.items()))
