"""What an engine must show before it gets any work, and what is said of one that does not."""

from __future__ import annotations

import asyncio
import dataclasses
from itertools import cycle, islice
from pathlib import Path

import pytest

from pipeline.engines.base import Engine, EngineReply, EngineRequest
from pipeline.generation.canaries import run_canaries
from pipeline.generation.prepare import Prepared, prepare
from pipeline.generation.questions import Questions
from schemas.completion import Rung
from schemas.engines import CanaryConfig
from schemas.errors import EngineDiedError, EngineError
from schemas.report import CanaryReport
from tests.fakes.noted_progress import NotedProgress
from tests.fakes.scripted_engine import ScriptedEngine
from tests.pipeline.generation.world import TEACHER, make_job


class Canaries:
    """The first pictures of the selection, and an engine that follows a script."""

    def __init__(self, selected: Path, script: dict[str, list[str]], images: int = 4) -> None:
        job = make_job(selected, Path("unused"), script=script)
        self.questions: Questions = job.questions
        self.pictures: list[Prepared] = [prepare(job.source, image) for image in islice(job.images, images)]
        self.progress = NotedProgress()
        self.engine = Listening(job.setup.start_engine())

    def run(self, **settings: object) -> CanaryReport:
        config = CanaryConfig.model_validate({"images": len(self.pictures), **settings})
        return asyncio.run(run_canaries(self.engine, config, self.questions, self.pictures, self.progress))

    def fault(self, **settings: object) -> str:
        with pytest.raises(EngineError) as caught:
            self.run(**settings)
        return str(caught.value)


class Listening:
    """Passes requests on and keeps them, with how many were in flight."""

    def __init__(self, engine: Engine) -> None:
        assert isinstance(engine, ScriptedEngine)
        self.engine = engine
        self.info, self.concurrency = engine.info, engine.concurrency
        self.heard: list[tuple[EngineRequest, int]] = []

    async def complete(self, request: EngineRequest) -> EngineReply:
        self.heard.append((request, len(self.engine.in_flight)))
        return await self.engine.complete(request)

    async def count_tokens(self, text: str) -> int:
        return await self.engine.count_tokens(text)

    async def close(self) -> None:
        await self.engine.close()


def rename(picture: Prepared, image_id: str) -> Prepared:
    return dataclasses.replace(picture, ref=picture.ref.model_copy(update={"image_id": image_id}))


def test_a_sound_engine_passes(selected: Path) -> None:
    report = Canaries(selected, {"default": ["ok"]}).run(agree="exact", min_ok=1.0)
    assert report == CanaryReport(asked=4, compared=4, exact=4, ok=4)


@pytest.mark.parametrize("agree", ["nearest", "exact"])
def test_an_engine_that_mixes_pictures_up_under_concurrency_is_caught(agree: str, selected: Path) -> None:
    fault = Canaries(selected, {"default": ["mixes_up"]}).fault(agree=agree)
    assert f"canaries of {TEACHER}: n0" in fault
    assert "alone and" in fault
    assert "among others" in fault


def test_one_text_in_the_wrong_place_is_enough(selected: Path, ids: list[str]) -> None:
    fault = Canaries(selected, {"default": ["ok"], ids[2]: ["mixes_up"]}).fault()
    assert f"{ids[2]} gets" in fault
    assert "most like that of n0" in fault
    assert "vLLM issue 20261" in fault


def test_a_text_that_only_says_the_same_in_other_words_is_near_enough_but_not_exact(selected: Path) -> None:
    rounding = {"default": ["rounds"]}
    assert Canaries(selected, rounding).run().exact < 4
    assert "batch-invariant kernels" in Canaries(selected, rounding).fault(agree="exact")


def test_an_engine_that_does_not_see_the_pictures_is_caught(selected: Path) -> None:
    assert "4 pictures get the same greedy text: '<think>" in Canaries(selected, {"default": ["blind"]}).fault(min_ok=0)


@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        ("garbage", "no_think 1"),
        ("no_think", "no_think 1"),
        ("chinese", "wrong_language 1"),
        ("loop", "repetition 1"),
        ("length", "truncated 1"),
        ("refuse", "refused 1"),
    ],
)
def test_an_engine_that_writes_no_valid_pairs_is_caught(reply: str, seen: str, selected: Path) -> None:
    fault = Canaries(selected, {"default": [reply]}, images=1).fault()
    assert f"0 of 1 texts are valid pairs ({seen}), and engine.canaries.min_ok is 0.5" in fault


@pytest.mark.parametrize(("min_ok", "passes"), [(0.0, True), (0.5, True), (0.6, False), (1.0, False)])
def test_as_many_texts_must_be_valid_as_configured(min_ok: float, passes: bool, selected: Path, ids: list[str]) -> None:
    canaries = Canaries(selected, {"default": ["ok"], ids[0]: ["chinese"], ids[3]: ["unclosed_think"]})
    if passes:
        assert canaries.run(min_ok=min_ok).ok == 2
    else:
        assert "2 of 4 texts are valid pairs (" in canaries.fault(min_ok=min_ok)


def test_exactly_the_share_that_is_configured_is_enough(selected: Path) -> None:
    names = [f"n01440764_{number}" for number in range(1001, 1026)]
    canaries = Canaries(selected, {"default": ["unclosed_think"], **{name: ["ok"] for name in names[:7]}})
    canaries.pictures = [rename(picture, name) for picture, name in zip(cycle(canaries.pictures), names, strict=False)]
    assert canaries.run(min_ok=0.28).ok == 7  # of 25; in floats, 0.28 times 25 is a little more


def test_a_picture_that_is_refused_is_compared_with_none(selected: Path, ids: list[str]) -> None:
    report = Canaries(selected, {"default": ["ok"], ids[1]: ["refuse"]}).run()
    assert report == CanaryReport(asked=4, compared=3, exact=3, ok=3)


def test_a_refusal_of_all_says_why(selected: Path) -> None:
    assert "the prompt is longer than the context" in Canaries(selected, {"default": ["refuse"]}).fault()


def test_a_single_picture_is_only_asked_as_the_build_asks(selected: Path) -> None:
    canaries = Canaries(selected, {"default": ["ok"]}, images=1)
    assert canaries.run() == CanaryReport(asked=1, compared=0, exact=0, ok=1)
    assert [request.request_id.partition("/")[2] for request, _ in canaries.engine.heard] == ["asked"]


def test_the_greedy_texts_are_asked_one_by_one_and_then_all_together(selected: Path) -> None:
    canaries = Canaries(selected, {"default": ["ok"]})
    canaries.run(tokens=50)
    alone, together = canaries.engine.heard[:4], canaries.engine.heard[4:8]
    assert [in_flight for _, in_flight in alone] == [0, 0, 0, 0]
    assert [in_flight for _, in_flight in together] == [0, 1, 2, 3]
    for request, _ in (*alone, *together):
        assert (request.sampling.temperature, request.sampling.max_tokens, request.seed) == (0.0, 50, 0)


def test_the_last_round_is_what_the_build_will_ask(selected: Path) -> None:
    canaries = Canaries(selected, {"default": ["ok"]})
    canaries.run()
    for (request, _), picture in zip(canaries.engine.heard[8:], canaries.pictures, strict=True):
        asked = canaries.questions.pose(picture, 1, Rung.AS_IS)
        assert (request.prompt, request.sampling, request.seed) == (asked.prompt, asked.sampling, asked.seed)
        assert request.thinking_budget is None


def test_what_is_shown_of_a_text_cannot_control_a_terminal(selected: Path) -> None:
    fault = Canaries(selected, {"default": ["controls"]}).fault()
    assert r"\x1b[2J\r\n\u202e" in fault
    assert fault.isprintable()


def test_what_is_shown_of_long_texts_is_short_and_where_they_part(selected: Path) -> None:
    fault = Canaries(selected, {"default": ["mixes_up"]}).fault()
    assert len(fault) < 700
    alone, _, together = fault.partition(" alone and ")
    assert alone[-90:] != together[:90]


def test_a_death_is_the_engine_s_and_no_canary_s(selected: Path, ids: list[str]) -> None:
    with pytest.raises(EngineDiedError):
        Canaries(selected, {"default": ["ok"], ids[2]: ["die"]}).run()


def test_progress_counts_every_text(selected: Path) -> None:
    canaries = Canaries(selected, {"default": ["ok"]})
    canaries.run()
    (task,) = canaries.progress.tasks
    assert (task.name, task.total, task.done) == (f"canaries {TEACHER}", 12, 12)
    assert task.note == "4 of 4 exact, 4 of 4 ok"
