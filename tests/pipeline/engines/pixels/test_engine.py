"""The engine behind the protocol: the picture is its only source, and the same picture gives the same text."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.engines.base import Engine, EngineReply, EngineRequest
from pipeline.engines.pixels import PixelsEngine
from pipeline.engines.pixels.colours import to_lab
from pipeline.engines.pixels.engine import cut
from pipeline.teachers import load_teachers
from schemas.completion import FinishReason
from schemas.errors import EngineDiedError
from schemas.teacher import Sampling
from tests.pipeline.engines.pixels.pictures import RED, noise, plain, with_disc

GLM, KIMI = load_teachers().values()
SAMPLING = Sampling(temperature=0.8, top_p=1, top_k=-1, repetition_penalty=1, max_tokens=4096)


def render(thinking: str, answer: str) -> str:
    return f"[{thinking}] [{answer}]"


def request_for(picture: Image.Image, *, seed: int = 0, max_tokens: int = 4096) -> EngineRequest:
    sampling = SAMPLING.model_copy(update={"max_tokens": max_tokens})
    return EngineRequest(request_id="n1", image=picture, prompt="Describe.", sampling=sampling, seed=seed)


def ask(request: EngineRequest, engine: Engine | None = None) -> EngineReply:
    return asyncio.run((engine or PixelsEngine(GLM, render)).complete(request))


def test_a_reply_is_thinking_and_answer_in_the_teachers_format() -> None:
    engine = PixelsEngine(GLM, render)
    reply = ask(request_for(noise(1)), engine)
    assert reply.text.startswith("[")
    assert "] [" in reply.text
    assert (reply.finish_reason, reply.stop_reason, reply.forced_close) == (FinishReason.STOP, None, False)
    assert reply.completion_tokens == asyncio.run(engine.count_tokens(reply.text)) == len(reply.text.split())


def test_the_picture_is_the_only_source_of_the_text() -> None:
    request = request_for(with_disc(0.3, 0.3))
    hot = SAMPLING.model_copy(update={"temperature": 2.0, "top_k": 1})
    others = (
        replace(request, request_id="n02123045_900001"),
        replace(request, prompt="What animal is this tabby cat?"),
        replace(request, sampling=hot),
    )
    assert {ask(other).text for other in others} == {ask(request).text}
    named = request.image.copy()
    named.info["comment"] = named.filename = "tabby.jpg"  # type: ignore[attr-defined]
    assert ask(replace(request, image=named)).text == ask(request).text


def test_the_seed_and_the_teacher_change_the_wording() -> None:
    request = request_for(noise(2))
    assert ask(request).text != ask(replace(request, seed=1)).text
    assert ask(request).text != ask(request, PixelsEngine(KIMI, render)).text


def test_the_text_is_the_same_in_any_number_of_threads() -> None:
    requests = [request_for(noise(seed, (160, 120)), seed=seed) for seed in range(8)]
    alone = [ask(request).text for request in requests]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda request: ask(request).text, requests * 3))
    assert together == alone * 3


def test_the_text_is_the_same_in_another_process_with_other_threads_and_hashes() -> None:
    request = request_for(with_disc(0.3, 0.3), seed=7)
    program = "print(hashlib.sha256(ask(request_for(with_disc(0.3, 0.3), seed=7)).text.encode()).hexdigest())"
    output = run_elsewhere(program, {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    assert output == hashlib.sha256(ask(request).text.encode()).hexdigest()


def test_colours_are_the_same_on_a_lesser_processor() -> None:
    # powers and roots differ in their last digits between processors, and words must not
    multiarray = importlib.import_module("numpy._core._multiarray_umath")
    features = [name for name in multiarray.__cpu_dispatch__ if multiarray.__cpu_features__.get(name)]
    if not features:
        pytest.skip("numpy has no faster code for this processor that could be switched off")
    output = run_elsewhere("print(digest_of_all_colours())", {"NPY_DISABLE_CPU_FEATURES": " ".join(features)})
    assert output == digest_of_all_colours()


def digest_of_all_colours() -> str:
    """SHA-256 of the CIELAB values of a cube of 64 levels per channel."""
    levels = np.arange(0, 256, 4, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
    return hashlib.sha256(to_lab(cube).tobytes()).hexdigest()


def run_elsewhere(program: str, environment: dict[str, str]) -> str:
    """What a line of Python, which may use all of this module, prints in a process of its own."""
    output = subprocess.run(
        [sys.executable, "-c", f"from tests.pipeline.engines.pixels.test_engine import *; {program}"],
        cwd=Path(__file__).parents[4],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    return output.stdout.strip()


def test_the_event_loop_goes_on_while_a_picture_is_measured() -> None:
    loop_went_on = threading.Event()

    def wait_for_the_loop(thinking: str, answer: str) -> str:
        assert loop_went_on.wait(timeout=30)
        return thinking + answer

    async def run() -> None:
        engine = PixelsEngine(GLM, wait_for_the_loop)
        task = asyncio.create_task(engine.complete(request_for(plain(RED))))
        await asyncio.sleep(0)
        loop_went_on.set()
        await task

    asyncio.run(run())


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_text_longer_than_max_tokens_is_cut_and_says_so(limit: int) -> None:
    whole = ask(request_for(noise(3))).text
    reply = ask(request_for(noise(3), max_tokens=limit))
    assert (reply.finish_reason, reply.completion_tokens) == (FinishReason.LENGTH, limit)
    assert whole.startswith(reply.text)


def test_a_limit_that_the_text_just_meets_cuts_nothing() -> None:
    whole = ask(request_for(noise(3)))
    again = ask(request_for(noise(3), max_tokens=whole.completion_tokens))
    assert again == whole


def test_thinking_over_its_budget_is_closed_by_force_and_the_answer_still_comes() -> None:
    request = request_for(noise(4))
    whole, closed = ask(request).text, ask(replace(request, thinking_budget=50))
    assert closed.forced_close
    assert (closed.finish_reason, len(closed.text.split("] [")[0].split())) == (FinishReason.STOP, 50)
    assert closed.text.split("] [")[1] == whole.split("] [")[1]
    assert not ask(replace(request, thinking_budget=4000)).forced_close


@given(st.text(alphabet="ab \n\t\u2003"), st.integers(0, 8))
@settings(max_examples=100)
def test_cutting_keeps_the_beginning_of_the_text_and_at_most_so_many_words(text: str, words: int) -> None:
    kept = cut(text, words)
    assert text.startswith(kept)
    assert kept.split() == text.split()[:words]


def test_a_closed_engine_refuses() -> None:
    engine = PixelsEngine(GLM, render)
    asyncio.run(engine.close())
    with pytest.raises(EngineDiedError, match="closed"):
        ask(request_for(plain(RED)), engine)


def test_the_engine_says_what_it_is_and_that_no_model_is_behind_it() -> None:
    engine: Engine = PixelsEngine(GLM, render)
    info = engine.info
    assert (info.engine, info.model, info.dtype) == ("pixels", "imagenet-think/pixels", "none")
    assert set(info.versions) == {"numpy", "pillow"}
    assert 1 <= engine.concurrency <= 8
