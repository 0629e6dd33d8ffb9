"""Whatever happens to runs, workers, pool or parent: everything is settled in the end, and little is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import stages
from pipeline.dispatch import PoolUnavailableError, RunState, chunk_file, generate_chunk, read_chunk
from pipeline.dispatch.dispatcher import MOST_FAILURES
from pipeline.files import sha256_of
from schemas.chunk import ChunkImage
from schemas.completion import PairStatus
from schemas.errors import EngineError
from tests.fakes import scripted_engine
from tests.pipeline.dispatch.world import TEACHERS, World, make_world

IMAGES = 24


@pytest.fixture(autouse=True)
def _forget_deaths() -> None:
    scripted_engine.DEATHS.clear()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


def assert_all_settled_once(world: World) -> None:
    assert len(world.settled()) == IMAGES * len(TEACHERS)
    assert set(world.asked().values()) == {1}


def test_everything_is_asked_once_in_chunks_of_the_configured_time(world: World) -> None:
    dispatcher = world.open()
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)
    assert [len(read_chunk(path)) for path in world.build.run.chunks.glob("*/*.parquet")] == [6] * 8
    assert dispatcher.runs == 8


def test_a_pool_and_one_process_pack_the_same_bytes(world: World, tmp_path: Path) -> None:
    world.run_to_the_end(world.open())
    stages.pack_dataset(world.build)
    alone = stages.open_build(world.build.config, tmp_path / "alone")
    stages.index(alone)
    stages.select(alone)
    for teacher in TEACHERS:
        stages.generate(alone, teacher)
    stages.pack_dataset(alone)
    sums = [run.dataset / "SHA256SUMS" for run in (world.build.run, alone.run)]
    assert sha256_of(sums[0]) == sha256_of(sums[1])


def test_no_more_runs_are_outstanding_than_workers_and_settings_allow(tmp_path: Path) -> None:
    world = make_world(tmp_path, outstanding=5)
    dispatcher = world.open()
    dispatcher.step()
    assert len(world.pool.queued()) == 2, "as many as there are workers"
    world.pool.workers = 40
    dispatcher.step()
    assert len(world.pool.queued()) == 5, "generation.where.outstanding"


def test_a_pool_without_workers_gets_a_run_and_the_user_a_word(world: World) -> None:
    world.pool.workers = 0
    dispatcher = world.open()
    dispatcher.step()
    dispatcher.step()
    assert world.pool.queued()
    assert [word for word in world.warnings if "no worker of work pool gpu" in word] == world.warnings[:1]


def test_a_parent_that_is_killed_and_started_again_adopts_what_is_under_way(world: World) -> None:
    world.open().step()
    before = dict(world.pool.runs)
    again = world.open()
    again.step()
    assert world.pool.runs == before
    world.run_to_the_end(again)
    assert_all_settled_once(world)


def test_a_parent_that_died_before_it_heard_of_its_run_finds_it(world: World) -> None:
    dispatcher = world.open()
    submit = world.pool.submit

    def lose_the_answer(teacher: str, chunk: str) -> None:
        submit(teacher, chunk)
        raise PoolUnavailableError("the connection broke")

    world.pool.submit = lose_the_answer  # type: ignore[assignment, method-assign]  # the server answers, and is not heard
    with pytest.raises(PoolUnavailableError):
        dispatcher.step()
    world.pool.submit = submit  # type: ignore[method-assign]
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)


def test_a_chunk_that_cannot_be_handed_out_is_handed_out_later(world: World) -> None:
    dispatcher = world.open()
    submit = world.pool.submit

    def refuse(teacher: str, chunk: str) -> None:
        raise PoolUnavailableError(f"no answer about {teacher} {chunk}")

    world.pool.submit = refuse  # type: ignore[assignment, method-assign]  # the server goes away between two questions
    with pytest.raises(PoolUnavailableError):
        dispatcher.step()
    world.pool.submit = submit  # type: ignore[method-assign]
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)


def test_what_a_run_left_when_it_broke_off_is_handed_out_again_and_nothing_else(world: World) -> None:
    dispatcher = world.open()
    dispatcher.step()
    first = world.pool.queued()[0]
    world.pool.become(first.id, RunState.FAILED, "the node is gone")
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)
    assert any("the node is gone" in word for word in world.warnings)


def test_a_run_that_somebody_cancelled_is_nobody_s_fault(world: World) -> None:
    dispatcher = world.open()
    dispatcher.step()
    for run in world.pool.queued():
        world.pool.become(run.id, RunState.STOPPED)
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)
    assert not world.warnings


def test_a_run_that_was_declared_dead_and_goes_on_writing_is_waited_for(tmp_path: Path) -> None:
    world = make_world(tmp_path, settle_seconds=30, outstanding=1)
    dispatcher = world.open()
    dispatcher.step()
    (run,) = world.pool.queued()
    world.pool.become(run.id, RunState.FAILED, "no heartbeat")
    dispatcher.step()
    world.now += 29
    generate_chunk(world.build, run.teacher, run.chunk)
    dispatcher.step()
    images = {image.image_id for image in read_chunk(chunk_file(world.build.run.chunks, run.teacher, run.chunk))}
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)
    assert len(images) == 6


def test_a_server_that_lost_its_memory_costs_nothing_that_landed(world: World) -> None:
    dispatcher = world.open()
    dispatcher.step()
    world.pool.work_off()
    dispatcher.step()
    world.pool.forget()
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)


def test_a_pool_that_is_away_is_told_and_nothing_is_lost(world: World) -> None:
    dispatcher = world.open()
    dispatcher.step()
    world.pool.is_away = True
    with pytest.raises(PoolUnavailableError):
        dispatcher.step()
    world.pool.is_away = False
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)


@pytest.mark.parametrize(
    ("state", "minutes", "reason"),
    [
        (RunState.TAKEN, "start_minutes", "did not start"),
        (RunState.RUNNING, "silent_minutes", "wrote nothing to the ledger"),
    ],
)
def test_a_run_that_nobody_hears_of_is_given_up_and_its_images_go_to_another(
    state: RunState, minutes: str, reason: str, tmp_path: Path
) -> None:
    world = make_world(tmp_path, None, **{minutes: 2.0})
    dispatcher = world.open()
    dispatcher.step()
    run = world.pool.queued()[0]
    world.pool.become(run.id, state)
    dispatcher.step()
    world.now += 119
    dispatcher.step()
    assert world.pool.runs[run.id].state is state
    world.now += 2
    dispatcher.step()
    assert reason in world.pool.runs[run.id].message
    world.run_to_the_end(dispatcher)
    assert_all_settled_once(world)


def test_a_queued_run_may_wait_for_a_worker_as_long_as_it_takes(world: World) -> None:
    dispatcher = world.open()
    dispatcher.step()
    world.now += 1e6
    dispatcher.step()
    assert all(run.state is RunState.QUEUED for run in world.pool.runs.values())


def test_an_image_that_kills_every_run_is_found_and_given_up_and_all_others_are_kept(tmp_path: Path) -> None:
    script = {"n02123045_3": ["kill"]}
    world = make_world(tmp_path, script)
    world.run_to_the_end(world.open())
    given_up = [row for row in world.rows() if row.status is PairStatus.REFUSED]
    assert {row.image_id for row in given_up} == {"n02123045_3"}
    assert {row.teacher for row in given_up} == set(TEACHERS)
    assert all("broke off" in (row.error or "") for row in given_up)
    assert len(world.settled()) == (IMAGES - 1) * len(TEACHERS)
    stages.pack_dataset(world.build)


def test_a_parent_that_is_started_again_goes_on_with_the_search(tmp_path: Path) -> None:
    world = make_world(tmp_path, {"n02123045_3": ["kill"]})
    dispatcher = world.open()
    while not any(row.failures for row in _handed_out(world)):
        dispatcher.step()
        world.pool.work_off()
        world.now += 1
    world.run_to_the_end(world.open())
    assert len(world.settled()) == (IMAGES - 1) * len(TEACHERS)
    for teacher in TEACHERS:
        failures = [row.failures for row in _handed_out(world, teacher) if row.image_id == "n02123045_3"]
        assert sorted(set(failures)) == [0, 1, 2, 3, 4], "no run of the search was in vain"


def _handed_out(world: World, teacher: str = "*") -> list[ChunkImage]:
    """All rows of all chunks so far."""
    return [row for path in world.build.run.chunks.glob(f"teacher={teacher}/*.parquet") for row in read_chunk(path)]


def test_runs_that_never_come_to_asking_blame_no_image_and_stop_the_build(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    dispatcher = world.open()

    def fail_all() -> None:
        while True:
            dispatcher.step()
            for run in world.pool.queued():
                world.pool.become(run.id, RunState.FAILED, "no GPU")

    with pytest.raises(EngineError, match=f"{MOST_FAILURES} runs in a row .* no GPU"):
        fail_all()
    assert {row.failures for row in _handed_out(world)} == {0}


def test_images_that_need_several_attempts_climb_on_where_the_ledger_left_them(tmp_path: Path) -> None:
    world = make_world(tmp_path, {"n01440764_1": ["no_think", "no_think", "ok"], "n01440764_2": ["no_think"]})
    world.run_to_the_end(world.open())
    attempts = sorted((row.image_id, row.attempt) for row in world.rows() if row.image_id.startswith("n01440764_1"))
    assert attempts == [("n01440764_1", number) for number in (1, 1, 2, 2, 3, 3)]
    assert len(world.settled()) == (IMAGES - 1) * len(TEACHERS)
