"""A request carries the picture, pixel for pixel, and the sampling in the names that servers know."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from pipeline.engines.base import EngineRequest, SourceFile
from pipeline.engines.openai.messages import write_request
from schemas.teacher import Sampling
from tests.pipeline.engines.openai.helpers import request

JPEG = b"\xff\xd8 a file of the source \xff\xd9"


def body_of(asked: EngineRequest, **changes: Any) -> dict[str, Any]:
    options = {"context": None, "extensions": True, "local_media": False, **changes}
    content = json.loads(write_request(asked, "served/model", **options))
    assert isinstance(content, dict)
    return content


def url_of(body: dict[str, Any]) -> str:
    return str(body["messages"][0]["content"][0]["image_url"]["url"])


def decode(url: str) -> bytes:
    return base64.b64decode(url.partition(",")[2], validate=True)


@given(
    pixels=arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    prompt=st.text(),
    seed=st.integers(0, 2**63 - 1),
    temperature=st.floats(0, 2),
    top_p=st.floats(0, 1, exclude_min=True),
    top_k=st.integers(-1, 1000),
    penalty=st.floats(0, 2, exclude_min=True),
    max_tokens=st.integers(1, 2**20),
)
def test_what_is_sent_is_what_was_asked(pixels: Any, prompt: str, seed: int, max_tokens: int, **numbers: Any) -> None:
    sampling = Sampling(
        temperature=numbers["temperature"],
        top_p=numbers["top_p"],
        top_k=numbers["top_k"],
        repetition_penalty=numbers["penalty"],
        max_tokens=max_tokens,
    )
    body = body_of(request(image=Image.fromarray(pixels), prompt=prompt, seed=seed, sampling=sampling))
    sent = Image.open(io.BytesIO(decode(url_of(body))))
    assert (sent.format, sent.mode) == ("PNG", "RGB")
    assert np.array_equal(np.asarray(sent), pixels)
    assert body["messages"][0]["content"][1] == {"type": "text", "text": prompt}
    assert {name: body[name] for name in Sampling.model_fields} == sampling.model_dump()
    assert (body["seed"], body["model"]) == (seed, "served/model")


def test_the_picture_comes_before_the_words_in_one_user_message() -> None:
    (message,) = body_of(request())["messages"]
    assert message["role"] == "user"
    assert [part["type"] for part in message["content"]] == ["image_url", "text"]


def test_a_message_of_the_system_comes_before_the_question() -> None:
    told, question = body_of(request(system="Think first."))["messages"]
    assert told == {"role": "system", "content": "Think first."}
    assert question == body_of(request())["messages"][0]


def test_the_source_s_own_bytes_are_sent_as_they_are() -> None:
    url = url_of(body_of(request(source=SourceFile(JPEG, None))))
    assert url.startswith("data:image/jpeg;base64,")
    assert decode(url) == JPEG


def test_a_server_that_reads_the_disk_itself_gets_the_file_s_name(tmp_path: Path) -> None:
    path = tmp_path / "a name, 50% odd.JPEG"
    url = url_of(body_of(request(source=SourceFile(JPEG, path)), local_media=True))
    assert url == path.as_uri()
    assert " " not in url


def test_a_file_within_an_archive_is_sent_even_to_a_server_that_reads_the_disk() -> None:
    assert decode(url_of(body_of(request(source=SourceFile(JPEG, None)), local_media=True))) == JPEG


def test_a_picture_that_normalisation_changed_is_never_named_by_its_file() -> None:
    assert url_of(body_of(request(), local_media=True)).startswith("data:image/png;base64,")


def test_markers_and_stop_strings_are_asked_to_stay_in_the_text() -> None:
    body = body_of(request())
    assert (body["skip_special_tokens"], body["include_stop_str_in_output"]) == (False, True)


def test_without_extensions_only_the_protocol_s_own_fields_are_sent() -> None:
    body = body_of(request(thinking_budget=9), extensions=False)
    assert set(body) == {"model", "messages", "temperature", "top_p", "max_tokens", "seed"}


@pytest.mark.parametrize("budget", [None, 9])
def test_token_ids_are_asked_for_since_they_tell_how_long_the_thinking_is(budget: int | None) -> None:
    body = body_of(request(thinking_budget=budget))
    assert body["return_token_ids"] is True
    assert body.get("thinking_token_budget") == budget


@pytest.mark.parametrize(("context", "sent"), [(None, 100), (4096, 100), (64, 64)])
def test_no_more_tokens_are_asked_for_than_the_context_holds(context: int | None, sent: int) -> None:
    assert body_of(request(), context=context)["max_tokens"] == sent


def test_no_file_name_and_no_request_id_reach_the_server(tmp_path: Path) -> None:
    source = SourceFile(JPEG, tmp_path / "n01440764_tench.JPEG")
    sent = write_request(request("n01440764_1/1", source=source), "m", context=None, extensions=True, local_media=False)
    assert b"tench" not in sent
    assert b"n01440764" not in sent
