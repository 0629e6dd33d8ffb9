"""One record of a packed dataset, to be read by a person."""

from __future__ import annotations

import tarfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

from schemas.record import ThinkRecord

_WIDTH = 100


def describe_first_record(dataset: Path) -> Iterator[str]:
    """Yield lines that show the first record of the first shard: what it is of, and each teacher's answer."""
    shard = min((dataset / "data").glob("*.tar"))
    with tarfile.open(shard) as archive:
        member = next(member for member in archive if member.name.endswith(".json"))
        file = archive.extractfile(member)
        assert file is not None
        record = ThinkRecord.model_validate_json(file.read())
    yield f"One of them, {record.image_id} ({record.lemmas[0]}, which no teacher was told):"
    for pair in record.pairs:
        yield f"\n  {pair.teacher}, after {pair.thinking_tokens} tokens of thinking:"
        yield textwrap.fill(pair.answer, _WIDTH, initial_indent="    ", subsequent_indent="    ")
