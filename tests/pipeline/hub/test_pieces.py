"""Bytes that stream by read like a file."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from pipeline.hub.pieces import open_pieces


@given(st.lists(st.binary(max_size=20), max_size=20), st.lists(st.integers(0, 40), max_size=20))
def test_a_read_gives_less_than_it_was_asked_for_only_at_the_end(pieces: list[bytes], sizes: list[int]) -> None:
    whole = io.BytesIO(b"".join(pieces))
    stream = open_pieces(iter(pieces))
    assert [stream.read(size) for size in sizes] == [whole.read(size) for size in sizes]
    assert stream.read() == whole.read()
