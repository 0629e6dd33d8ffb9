"""Both teachers behind ``serve``: the same texts as in process, errors that name their cause, nothing left behind."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq
import pytest

from pipeline.engines import SourceFile
from pipeline.engines.base import Engine, EngineReply, EngineRequest
from pipeline.progress import Silent
from pipeline.publishing.verify import verify_dataset
from pipeline.screening import open_picture
from pipeline.teachers import load_teacher
from schemas.completion import FinishReason
from schemas.engines import OpenAIEngine
from schemas.errors import EngineError, EngineUnavailableError, RequestRefusedError
from tests.collections import make_collection, synthetic_photograph
from tests.vllm.engines import GLM, KIMI, start_engine
from tests.vllm.in_process import ask, load, picture
from tests.vllm.script import Part, Words
from tests.vllm.servers import CONTEXT, Serving

pytestmark = pytest.mark.vllm

Answer = TypeVar("Answer")

KEY = "the-key-of-the-glm-server"
FREE = range(9000, 9010)
"""Seeds for which the model speaks for itself."""

ENDLESS, LOOP = 9100, 9101
"""Seeds for a text that fills the context, and for one that repeats itself."""

SAID: dict[str, list[Part]] = {
    GLM: ["<think>", Words(60), "</think><answer>", Words(12), "</answer>"],
    KIMI: ["◁think▷", Words(60), "◁/think▷", Words(12), "<|im_end|>"],
}


def says(teacher: str) -> dict[str | int, Part | list[Part] | None]:
    opening = SAID[teacher][0]
    endless, loop = [opening, Words(CONTEXT)], [opening, " the dog runs fast" * 40]
    return {"default": SAID[teacher], ENDLESS: endless, LOOP: loop, **dict.fromkeys(FREE)}


@pytest.fixture(scope="module")
def servers(tiny_glm: Path, tiny_kimi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Serving]]:
    folder = tmp_path_factory.mktemp("served")
    started = {
        GLM: Serving(GLM, tiny_glm, says(GLM), folder, KEY),
        KIMI: Serving(KIMI, tiny_kimi, says(KIMI), folder),
    }
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GLM_KEY", KEY)
            for serving in started.values():
                serving.wait_until_announced()
            yield started
    finally:
        for serving in started.values():
            serving.clean_up()


@pytest.fixture(params=[GLM, KIMI])
def serving(request: pytest.FixtureRequest, servers: dict[str, Serving]) -> tuple[str, Serving]:
    return request.param, servers[request.param]


def settings(serving: Serving, **changes: Any) -> OpenAIEngine:
    return OpenAIEngine(kind="openai", base_urls=(serving.url,), api_key_env="GLM_KEY", **changes)


def run(served: tuple[str, Serving], question: Callable[[Engine], Awaitable[Answer]], **changes: Any) -> Answer:
    teacher, serving = served

    async def work() -> Answer:
        engine = start_engine(settings(serving, **changes), teacher)
        try:
            return await question(engine)
        finally:
            await engine.close()

    return asyncio.run(work())


def request(teacher: str, seed: int, **changes: Any) -> EngineRequest:
    sampling = load_teacher(teacher).sampling.model_copy(
        update={"max_tokens": changes.pop("max_tokens", 400), "temperature": changes.pop("temperature", 0.8)}
    )
    image = changes.pop("image", None) or picture(240, 200, seed)
    return EngineRequest(f"n00000001_{seed}/1", image, "What is it?", sampling, seed, **changes)


def test_the_server_says_exactly_what_runs_there(serving: tuple[str, Serving], tiny_glm: Path, tiny_kimi: Path) -> None:
    async def look(engine: Engine) -> Any:
        return engine.info

    info = run(serving, look)
    assert (info.engine, info.dtype, info.quantization) == ("openai", "float32", None)
    assert info.model == (tiny_glm if serving[0] == GLM else tiny_kimi).name
    assert info.revision.startswith("local-")
    assert {"vllm", "torch", "transformers", "device"} <= set(info.versions)
    assert "token_counts" not in info.versions
    assert not any("does not say" in warning for warning in info.warnings)


def test_a_server_with_a_key_tells_nothing_without_it(servers: dict[str, Serving]) -> None:
    config = OpenAIEngine(kind="openai", base_urls=(servers[GLM].url,), api_key_env="NO_SUCH_KEY")
    with pytest.raises(EngineError, match="set the environment variable NO_SUCH_KEY"):
        start_engine(config, GLM)
    page = servers[GLM].url.replace("/v1", "/provenance")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(page)


PHOTOGRAPHS = [synthetic_photograph(f"n01440764_{number}", size=(320, 250)) for number in range(3)]
NO_FILES: Sequence[SourceFile | None] = [None] * len(PHOTOGRAPHS)


def describe(served: tuple[str, Serving], files: Sequence[SourceFile | None], **changes: Any) -> list[tuple[Any, ...]]:
    """Tokens of the prompt, greedy text and its tokens for each photograph, asked one after the other."""

    async def ask_each(engine: Engine) -> list[EngineReply]:
        pictures = [open_picture(data).image for data in PHOTOGRAPHS]
        return [
            await engine.complete(request(served[0], FREE[0], temperature=0.0, max_tokens=24, image=image, source=file))
            for image, file in zip(pictures, files, strict=True)
        ]

    replies = run(served, ask_each, **changes)
    return [(reply.prompt_tokens, reply.text, reply.completion_tokens) for reply in replies]


def test_a_picture_is_the_same_to_the_model_however_it_travels(serving: tuple[str, Serving]) -> None:
    readable = serving[1].errors.parent  # what the server was told that it may read
    files = [SourceFile(data, readable / f"50% of {number}.jpg") for number, data in enumerate(PHOTOGRAPHS)]
    for file in files:
        assert file.path is not None
        file.path.write_bytes(file.data)
    pixels = describe(serving, NO_FILES)
    assert len({text for _, text, _ in pixels}) == 3
    assert describe(serving, files) == pixels
    assert describe(serving, files, local_media=True) == pixels


def test_prompt_and_greedy_text_are_those_of_vllm_in_process(servers: dict[str, Serving], tiny_glm: Path) -> None:
    """With GLM alone: on CPUs vLLM's mixture of experts answers a request otherwise in another process or batch."""
    from vllm import SamplingParams  # noqa: PLC0415 - only where it is installed

    greedy = SamplingParams(
        temperature=0, max_tokens=24, skip_special_tokens=False, include_stop_str_in_output=True, seed=FREE[0]
    )
    with load(tiny_glm, load_teacher(GLM).grammar) as llm:
        outputs = ask(llm, [open_picture(data).image for data in PHOTOGRAPHS], greedy)
    expected = [(len(it.prompt_token_ids), it.outputs[0].text, len(it.outputs[0].token_ids)) for it in outputs]
    assert describe((GLM, servers[GLM]), NO_FILES) == expected


def test_the_text_keeps_its_markers_and_the_same_seed_gives_the_same_text(serving: tuple[str, Serving]) -> None:
    teacher = serving[0]

    async def ask_twice(engine: Engine) -> list[EngineReply]:
        alone = await engine.complete(request(teacher, 5))
        among = await asyncio.gather(*(engine.complete(request(teacher, seed)) for seed in range(12)))
        return [alone, among[5], among[6]]

    alone, among, other = run(serving, ask_twice)
    opening, closing = SAID[teacher][0], str(SAID[teacher][2])[:8]
    assert alone.text.startswith(str(opening))
    assert closing in alone.text
    assert alone == among
    assert alone.text != other.text
    assert alone.finish_reason is FinishReason.STOP
    assert alone.completion_tokens > 70


@pytest.mark.parametrize(("budget", "forced"), [(20, True), (300, False)])
def test_a_thinking_budget_is_kept_and_its_use_reported(
    budget: int, forced: bool, serving: tuple[str, Serving]
) -> None:
    teacher = serving[0]
    reply = run(serving, lambda engine: engine.complete(request(teacher, 5, thinking_budget=budget)))
    assert reply.forced_close is forced


def test_a_text_that_is_cut_off_says_so(serving: tuple[str, Serving]) -> None:
    reply = run(serving, lambda engine: engine.complete(request(serving[0], 5, max_tokens=9)))
    assert (reply.finish_reason, reply.completion_tokens) == (FinishReason.LENGTH, 9)


def test_a_text_that_repeats_itself_is_stopped_by_the_engine(serving: tuple[str, Serving]) -> None:
    reply = run(serving, lambda engine: engine.complete(request(serving[0], LOOP)))
    assert (reply.finish_reason, reply.stop_reason) == (FinishReason.REPETITION, "repetition_detected")


def test_more_tokens_than_the_context_holds_are_no_reason_to_refuse(serving: tuple[str, Serving]) -> None:
    reply = run(serving, lambda engine: engine.complete(request(serving[0], 5, max_tokens=10 * CONTEXT)))
    assert reply.finish_reason is FinishReason.STOP


def test_a_request_that_is_too_long_fails_alone(serving: tuple[str, Serving]) -> None:
    teacher = serving[0]
    long = dataclasses.replace(request(teacher, 5), prompt="a dog on the grass " * CONTEXT)

    async def ask_both(engine: Engine) -> list[Any]:
        questions = engine.complete(long), engine.complete(request(teacher, 6))
        return list(await asyncio.gather(*questions, return_exceptions=True))

    refused, answered = run(serving, ask_both)
    assert isinstance(refused, RequestRefusedError)
    assert "max_model_len" in str(refused)
    assert isinstance(answered, EngineReply)


def test_cancelled_requests_are_taken_back_from_the_server(serving: tuple[str, Serving]) -> None:
    teacher, server = serving

    async def cancel(engine: Engine) -> int:
        questions = [
            asyncio.create_task(engine.complete(request(teacher, ENDLESS, max_tokens=CONTEXT))) for _ in range(64)
        ]
        await asyncio.sleep(0.3)
        for question in questions:
            question.cancel()
        await asyncio.wait(questions)
        # written after what was taken back, so that all of that is counted
        return (await engine.complete(request(teacher, ENDLESS, max_tokens=9))).completion_tokens

    before = count_written(server)
    assert run(serving, cancel) == 9
    assert count_written(server) - before < 32 * CONTEXT


def count_written(server: Serving) -> float:
    """Tokens that the server has written since it started."""
    with urllib.request.urlopen(server.url.replace("/v1", "/metrics")) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("vllm:generation_tokens_total"))


def test_tokens_are_counted_by_the_model_s_own_tokenizer(serving: tuple[str, Serving]) -> None:
    async def count(engine: Engine) -> tuple[int, int, int]:
        return (
            await engine.count_tokens(""),
            await engine.count_tokens("the dog"),
            await engine.count_tokens("the dog the dog the dog"),
        )

    none, two, six = run(serving, count)
    assert none == 0
    assert 0 < two < six <= 3 * two


def test_a_whole_build_over_http_ends_in_a_verified_dataset(
    servers: dict[str, Serving], tmp_path: Path, tiny_glm: Path
) -> None:
    make_collection(tmp_path / "images", "tars", ["n01440764", "n02123045"], 5)
    config = tmp_path / "build.yaml"
    teachers = [
        {
            "name": name,
            "engine": {
                "kind": "openai",
                "base_urls": [serving.url],
                "api_key_env": "GLM_KEY",
                "canaries": {"images": 0},
            },
            "sampling": {"max_tokens": 400},
        }
        for name, serving in servers.items()
    ]
    config.write_text(json.dumps({"source": {"path": "images"}, "teachers": teachers}))
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "build", str(config), "--run-dir", str(tmp_path / "run"), "--quiet"],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    report = verify_dataset(tmp_path / "run" / "dataset", Silent())
    assert not report.faults
    rows = [row for part in (tmp_path / "run" / "ledger").rglob("part-*.parquet") for row in read(part)]
    assert len(rows) == 20
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["engine"] for row in rows} == {"openai"}
    assert {row["dtype"] for row in rows} == {"float32"}
    assert {row["model"] for row in rows if row["teacher"] == GLM} == {tiny_glm.name}
    assert all("vllm" in dict(row["versions"]) and row["prompt_tokens"] > 20 for row in rows)


def read(part: Path) -> list[dict[str, Any]]:
    return list(pq.read_table(part).to_pylist())


def test_sigterm_ends_every_process_of_the_server_and_what_it_broke_off_is_no_answer(
    servers: dict[str, Serving],
) -> None:
    server = servers[GLM]
    assert len(server.family()) >= 3

    async def stop(engine: Engine) -> list[Any]:
        questions = [asyncio.create_task(engine.complete(request(GLM, ENDLESS, max_tokens=CONTEXT))) for _ in range(64)]
        await asyncio.sleep(0.3)
        assert await asyncio.to_thread(server.end, signal.SIGTERM) == 143
        return await asyncio.gather(*questions, return_exceptions=True)

    outcomes = {type(outcome) for outcome in run((GLM, server), stop)}
    assert EngineUnavailableError in outcomes
    assert outcomes <= {EngineUnavailableError, EngineReply}


def test_not_even_sigkill_leaves_a_process_behind(servers: dict[str, Serving]) -> None:
    assert len(servers[KIMI].family()) >= 3
    assert servers[KIMI].end(signal.SIGKILL) == -9
