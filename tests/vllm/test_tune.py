"""Tuning on real vLLM: one start per batch limit, real counts of tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.tune import TuneOptions, tune
from pipeline import stages
from pipeline.progress import Silent
from schemas.loading import load_config
from tests.collections import make_collection

pytestmark = pytest.mark.vllm

TEACHER = "glm-4.1v-9b-thinking"
TOKENS = 48


def write_config(folder: Path, checkpoint: Path) -> Path:
    make_collection(folder / "images", "tree", ["n01440764", "n02123045"], 10)
    engine = {
        "kind": "vllm",
        "model": str(checkpoint),
        "dtype": "float32",
        "max_model_len": 512,
        "kv_cache_memory_bytes": 64 << 20,
        "engine_args": {"enforce_eager": True},
    }
    config = {
        "source": {"path": "images"},
        "screening": {"workers": 1},
        "generation": {"prepare_workers": 1, "max_attempts": 2},
        "teachers": [{"name": TEACHER, "engine": engine, "sampling": {"max_tokens": TOKENS}}],
    }
    path = folder / "build.yaml"
    path.write_text(json.dumps(config))
    return path


def test_a_setting_that_does_not_start_is_reported_and_the_others_are_measured(
    tiny_glm: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(tmp_path, tiny_glm)
    build = stages.open_build(load_config(path), tmp_path / "run")
    stages.index(build)
    stages.select(build)
    # vLLM refuses a batch of fewer tokens than requests
    options = TuneOptions(concurrency="4,8", max_num_batched_tokens="7,2048", as_json=True)
    tune(build.config, tmp_path / "run", options, Silent())
    (report,) = json.loads(capsys.readouterr().out)
    (failure,) = report["failures"]
    assert failure["max_num_batched_tokens"] == 7
    assert failure["concurrency"] is None
    assert [(point["concurrency"], point["max_num_batched_tokens"]) for point in report["points"]] == [
        (4, 2048),
        (8, 2048),
    ]
    for point in report["points"]:
        assert point["images"] == 20
        assert 0 < point["mean_tokens"] <= TOKENS
        assert point["tokens_per_second"] > 0
    # the same seeds: what the model says does not depend on how many are asked at once
    assert len({point["tokens_per_image"] for point in report["points"]}) == 1
    assert report["starts"][0]["seconds"] > 1
    (teacher,) = report["settings"]["teachers"]
    assert teacher["engine"]["max_num_batched_tokens"] == 2048
    assert report["projection"]["gpus"] == 1
    assert report["projection"]["images"] == 20
