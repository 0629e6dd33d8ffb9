"""When an engine is taken for dead: it has work, and nothing comes of it."""

from __future__ import annotations

import contextlib

from pipeline.engines.vllm.pulse import Pulse


def test_an_engine_without_work_may_be_silent_for_ever() -> None:
    pulse = Pulse()
    assert pulse.pass_time(1000) == 0
    with pulse.working():
        pulse.beat(0, busy=True)
    assert pulse.pass_time(1000) == 0


def test_silence_counts_while_there_is_work_and_ends_with_a_step() -> None:
    pulse = Pulse()
    with pulse.working():
        assert pulse.pass_time(2) == 2
        assert pulse.pass_time(3) == 5
        pulse.beat(0, busy=True)
        assert pulse.pass_time(1) == 1


def test_idle_time_before_a_request_is_not_held_against_the_engine() -> None:
    pulse = Pulse()
    pulse.pass_time(1000)
    with pulse.working():
        assert pulse.pass_time(1) == 1


def test_one_silent_replica_with_work_is_noticed_though_the_others_go_on() -> None:
    pulse = Pulse(replicas=range(3))
    with pulse.working():
        for replica in range(3):
            pulse.beat(replica, busy=True)
        for _ in range(5):
            pulse.beat(0, busy=True)
            pulse.beat(2, busy=True)
            silent = pulse.pass_time(1)
        assert silent == 5


def test_a_replica_without_work_may_be_silent_while_the_others_go_on() -> None:
    pulse = Pulse(replicas=range(2))
    with pulse.working():
        pulse.beat(1, busy=False)
        for _ in range(5):
            pulse.beat(0, busy=True)
            assert pulse.pass_time(1) == 1


def test_a_replica_whose_requests_were_taken_back_is_not_taken_for_busy() -> None:
    pulse = Pulse(replicas=range(2))
    with pulse.working():
        with contextlib.suppress(KeyboardInterrupt), pulse.working():
            pulse.beat(1, busy=True)
            raise KeyboardInterrupt
        for _ in range(5):
            pulse.beat(0, busy=True)
            assert pulse.pass_time(1) == 1


def test_replicas_that_all_fall_silent_at_once_are_noticed_without_having_spoken() -> None:
    pulse = Pulse(replicas=range(2))
    with pulse.working():
        assert pulse.pass_time(7) == 7
