"""The ledger's parts: closed by count, by age and at the end, however the end comes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.generation import ledger
from pipeline.generation.ledger import LedgerReader, LedgerWriter
from tests.pipeline.generation.test_results import completion


def write(directory: Path, count: int, part_rows: int = 1000, part_seconds: float = 3600.0, pause: float = 0.0) -> None:
    async def run() -> None:
        writer = LedgerWriter(directory, part_rows, part_seconds)
        async with writer.rolling():
            for number in range(count):
                writer.add(completion(f"n00000001_{number}", 1))
                await asyncio.sleep(pause)

    asyncio.run(run())


def ids(directory: Path) -> list[str]:
    return [row.image_id for row in LedgerReader(directory).rows()]


def test_every_row_is_there_once_when_the_writer_ends(tmp_path: Path) -> None:
    write(tmp_path, 25)
    assert ids(tmp_path) == [f"n00000001_{number}" for number in range(25)]
    assert len(LedgerReader(tmp_path).parts()) == 1


def test_a_part_is_closed_when_it_is_full(tmp_path: Path) -> None:
    write(tmp_path, 30, part_rows=10, pause=0.01)
    assert len(LedgerReader(tmp_path).parts()) >= 2
    assert sorted(ids(tmp_path)) == sorted(f"n00000001_{number}" for number in range(30))


def test_a_part_is_closed_when_it_is_old(tmp_path: Path) -> None:
    write(tmp_path, 10, part_seconds=0.05, pause=0.03)
    assert len(LedgerReader(tmp_path).parts()) >= 2
    assert len(ids(tmp_path)) == 10


def test_rows_are_kept_when_the_work_fails(tmp_path: Path) -> None:
    async def run() -> None:
        writer = LedgerWriter(tmp_path, 1000, 3600.0)
        async with writer.rolling():
            writer.add(completion("n00000001_1", 1))
            raise RuntimeError("the work failed")

    with pytest.raises(ExceptionGroup):
        asyncio.run(run())
    assert ids(tmp_path) == ["n00000001_1"]


@pytest.mark.parametrize("rows", [9, 10, 11])
def test_work_that_fails_in_the_turn_in_which_a_part_fills_still_ends(rows: int, tmp_path: Path) -> None:
    async def run() -> None:
        writer = LedgerWriter(tmp_path, 10, 3600.0)
        async with writer.rolling():
            await asyncio.sleep(0.02)
            for number in range(rows):
                writer.add(completion(f"n00000001_{number}", 1))
            await asyncio.sleep(0)
            raise RuntimeError("the work failed")

    async def bounded() -> None:
        # in a task of its own, so that a writer that never ends fails the test instead of holding it up
        task = asyncio.create_task(run())
        done, _ = await asyncio.wait([task], timeout=20)
        assert done, "the writer never ends"
        assert isinstance(task.exception(), ExceptionGroup)

    asyncio.run(bounded())
    assert len(ids(tmp_path)) == rows


def test_rows_are_kept_when_the_work_is_cancelled(tmp_path: Path) -> None:
    async def run() -> None:
        writer = LedgerWriter(tmp_path, 1000, 3600.0)

        async def work() -> None:
            async with writer.rolling():
                writer.add(completion("n00000001_1", 1))
                await asyncio.sleep(3600)

        task = asyncio.create_task(work())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())
    assert ids(tmp_path) == ["n00000001_1"]


def test_a_part_that_cannot_be_written_stops_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ledger, "write_rows", fail)
    with pytest.raises((OSError, ExceptionGroup)):
        write(tmp_path, 1000, part_seconds=0.01, pause=0.01)


def test_flushed_rows_are_on_disk_at_once_and_only_once(tmp_path: Path) -> None:
    async def run() -> list[str]:
        writer = LedgerWriter(tmp_path, 1000, 3600.0)
        async with writer.rolling():
            writer.add(completion("n00000001_1", 1))
            writer.flush()
            flushed = ids(tmp_path)
            writer.add(completion("n00000001_2", 1))
        return flushed

    assert asyncio.run(run()) == ["n00000001_1"]
    assert ids(tmp_path) == ["n00000001_1", "n00000001_2"]


def test_two_writers_never_meet(tmp_path: Path) -> None:
    write(tmp_path, 5)
    write(tmp_path, 5)
    assert len(LedgerReader(tmp_path).parts()) == 2
    assert len(ids(tmp_path)) == 10


def test_unfinished_parts_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, 1)
    (tmp_path / ".part-x.parquet.123.tmp").write_bytes(b"half")
    assert ids(tmp_path) == ["n00000001_0"]
