"""Which ids were met before is known exactly."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sources.index.seen import SeenIds, pack_ids

ids = st.from_regex(r"n0000000[0-9]_[0-9]{1,2}", fullmatch=True)
any_ids = st.from_regex(r"n[0-9]{8}_[0-9]{1,9}", fullmatch=True)


@settings(deadline=None)
@given(st.lists(st.lists(ids, max_size=30), max_size=20))
def test_an_id_is_new_exactly_once_however_ids_are_batched(batches: list[list[str]]) -> None:
    seen = SeenIds()
    met: set[str] = set()
    for batch in batches:
        for image_id, new in zip(batch, seen.add(pack_ids(pa.array(batch, pa.string()))), strict=True):
            assert new == (image_id not in met)
            met.add(image_id)


@settings(deadline=None)
@given(st.lists(any_ids, unique=True), st.integers(0, 5))
def test_different_ids_are_packed_differently(batch: list[str], start: int) -> None:
    packed = pack_ids(pa.array(batch, pa.string()).slice(start))
    assert len(set(packed.tolist())) == len(batch[start:])


@given(any_ids)
def test_the_digits_of_an_id_can_be_read_off_its_key(image_id: str) -> None:
    (key,) = pack_ids(pa.array([image_id])).tolist()
    digits = image_id[10:]
    assert (key >> 34, key >> 30 & 15, key & (1 << 30) - 1) == (int(image_id[1:9]), len(digits), int(digits))
