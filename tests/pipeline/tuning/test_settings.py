"""What a concurrency and a batch limit are called by each kind of engine."""

from __future__ import annotations

import pytest

from pipeline.tuning.settings import count_gpus, describe_setting, engine_of_kind, widen
from schemas.engines import CustomEngine, OpenAIEngine, PixelsEngine, VllmEngine
from schemas.errors import ConfigError

PIXELS = PixelsEngine(kind="pixels")
CUSTOM = CustomEngine(kind="custom", factory="a:b", options={})
SERVERS = OpenAIEngine(kind="openai", base_urls=("http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"), model="m")
VLLM = VllmEngine(kind="vllm", model="m", tensor_parallel_size=2, data_parallel_size=4)


def test_places_are_shared_out_over_replicas_and_servers() -> None:
    assert widen(VLLM, 130, 8192) == VLLM.model_copy(update={"max_num_seqs": 33, "max_num_batched_tokens": 8192})
    assert widen(SERVERS, 65, None) == SERVERS.model_copy(update={"requests_per_server": 33})
    assert widen(PIXELS, 8, None) == PIXELS


def test_a_setting_is_said_in_the_keys_that_hold_it() -> None:
    assert describe_setting("t", VLLM, 128, 8192) == {
        "teachers": [{"name": "t", "engine": {"kind": "vllm", "max_num_seqs": 32, "max_num_batched_tokens": 8192}}]
    }
    assert describe_setting("t", SERVERS, 128, None) == {
        "teachers": [{"name": "t", "engine": {"kind": "openai", "requests_per_server": 64}}]
    }
    assert describe_setting("t", CUSTOM, 8, None) == {"generation": {"max_concurrency": 8}}


def test_gpus_are_counted_by_the_engine_that_holds_them() -> None:
    assert [count_gpus(engine) for engine in (VLLM, SERVERS, PIXELS, CUSTOM)] == [8, 2, 0, 0]


def test_another_kind_of_engine_keeps_the_model() -> None:
    assert engine_of_kind(VLLM, None) is VLLM
    assert engine_of_kind(VLLM, "vllm") is VLLM
    assert engine_of_kind(SERVERS, "vllm") == VllmEngine(kind="vllm", model="m")
    assert engine_of_kind(VLLM, "pixels") == PIXELS
    assert engine_of_kind(PIXELS, "vllm") == VllmEngine(kind="vllm")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("sglang", "there is no such kind; known are pixels, custom, vllm, openai"),
        ("openai", "needs base_urls too"),
        ("custom", "needs factory"),
    ],
)
def test_a_kind_that_cannot_be_made_is_refused(kind: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        engine_of_kind(PIXELS, kind)
