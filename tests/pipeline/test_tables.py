"""Rows go into Parquet and come back equal, whatever is in them; a file is there whole or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.tables import BATCH_ROWS, TableWriter, read_rows, write_rows
from schemas.base import Contract
from schemas.completion import FinishReason
from schemas.errors import RunDirectoryError


class Inner(Contract):
    name: str
    share: float


class Row(Contract):
    number: int
    text: str
    raw: bytes
    reason: FinishReason
    maybe: Inner | None
    several: tuple[Inner, ...]
    versions: dict[str, str]


INNER = st.builds(Inner, name=st.text(st.characters(exclude_categories=["Cs"])), share=st.floats(0, 1))
ROWS = st.builds(
    Row,
    number=st.integers(-(2**63), 2**63 - 1),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    raw=st.binary(),
    reason=st.sampled_from(FinishReason),
    maybe=st.none() | INNER,
    several=st.lists(INNER, max_size=3).map(tuple),
    versions=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.just("1"), max_size=3),
)


@given(st.lists(ROWS, max_size=5))
def test_rows_come_back_equal(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    assert write_rows(path, rows, Row) == len(rows)
    assert list(read_rows(path, Row)) == rows


@settings(max_examples=150)
@given(st.data())
def test_damage_is_never_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    write_rows(path, [Inner(name="ärger" * number, share=0.5) for number in range(20)], Inner)
    damaged = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged[: data.draw(st.sampled_from([len(damaged), len(damaged) // 2]))])
    with contextlib.suppress(RunDirectoryError):  # not all damage shows
        list(read_rows(path, Inner))


def test_rows_are_written_and_read_in_batches(tmp_path: Path) -> None:
    count = 2 * BATCH_ROWS + 7
    rows = (Inner(name=str(number), share=0.5) for number in range(count))
    assert write_rows(tmp_path / "rows.parquet", rows, Inner) == count
    assert pq.ParquetFile(tmp_path / "rows.parquet").num_row_groups == 3
    assert [row.name for row in read_rows(tmp_path / "rows.parquet", Inner)] == [str(number) for number in range(count)]


def test_a_failed_table_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half-way"), TableWriter(tmp_path / "rows.parquet", Inner) as writer:  # noqa: PT012
        writer.add(Inner(name="a", share=0.0))
        raise ValueError("half-way")
    assert list(tmp_path.iterdir()) == []


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    rows = [Inner(name=str(number), share=number / 7) for number in range(5)]
    write_rows(tmp_path / "a.parquet", rows, Inner)
    write_rows(tmp_path / "b.parquet", rows, Inner)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
