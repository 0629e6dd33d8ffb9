from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from pipeline.packing import spool as spool_module
from pipeline.packing.spool import Spool, SpoolReader
from schemas.errors import ConservationError

ROWS = [(shard, slot, b'{"row":%d}' % (10 * shard + slot)) for shard in range(3) for slot in range(4)]


def make_spool(directory: Path, rows: list[tuple[int, int, bytes]]) -> Spool:
    spool = Spool(directory, "rows", 3)
    for row in rows:
        spool.add(*row)
    spool.flush()
    return spool


def test_rows_are_found_by_shard_and_slot_in_whatever_order_they_came(tmp_path: Path) -> None:
    spool = make_spool(tmp_path, ROWS[::-1])
    for shard, slot, row in ROWS:
        with closing(SpoolReader(spool.path(shard), 4)) as reader:
            assert reader[slot] == row + b"\n"


def test_the_digest_names_the_set_of_rows(tmp_path: Path) -> None:
    spool, shuffled = make_spool(tmp_path / "a", ROWS), make_spool(tmp_path / "b", ROWS[::-1])
    changed = make_spool(tmp_path / "c", [*ROWS[:-1], (2, 3, b"{}")])
    assert [spool.digest(shard) for shard in range(3)] == [shuffled.digest(shard) for shard in range(3)]
    assert spool.digest(0) == changed.digest(0)
    assert spool.digest(2) != changed.digest(2)


def test_a_small_buffer_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = make_spool(tmp_path / "a", ROWS)
    monkeypatch.setattr(spool_module, "BUFFER_BYTES", 30)
    in_pieces = make_spool(tmp_path / "b", ROWS)
    assert spool.path(1).read_bytes() == in_pieces.path(1).read_bytes()


def test_a_slot_that_is_filled_twice_is_found(tmp_path: Path) -> None:
    spool = make_spool(tmp_path, [*ROWS, ROWS[0]])
    with pytest.raises(ConservationError, match="slot 0 is filled twice"):
        SpoolReader(spool.path(0), 4)


def test_a_slot_that_stays_empty_is_found(tmp_path: Path) -> None:
    spool = make_spool(tmp_path, ROWS[:-1])
    with pytest.raises(ConservationError, match="slot 3 is empty"):
        SpoolReader(spool.path(2), 4)
