"""Ids as arrays are the same ids, keys and ranks as one by one."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.selection.ids import rank_ids, synsets_of, unpack_ids, wnid_of
from pipeline.sources.index.seen import pack_ids
from schemas.identity import rank

IDS = st.lists(st.from_regex(r"n[0-9]{8}_[0-9]{1,9}", fullmatch=True), max_size=40)


@given(IDS)
def test_keys_unpack_to_the_ids_and_their_classes(ids: list[str]) -> None:
    keys = pack_ids(pa.array(ids, pa.string()))
    assert unpack_ids(keys).to_pylist() == ids
    assert [wnid_of(synset) for synset in synsets_of(keys).tolist()] == [image_id[:9] for image_id in ids]


@given(IDS, st.integers(min_value=0, max_value=2**63 - 1))
def test_ranks_are_those_of_single_ids(ids: list[str], seed: int) -> None:
    assert rank_ids(seed, pa.array(ids, pa.string())).tolist() == [rank(seed, image_id) for image_id in ids]
