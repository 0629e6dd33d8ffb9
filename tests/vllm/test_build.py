"""A whole build with both small teachers in vLLM, killed once on the way: nothing lost, and nothing left behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from pipeline.progress import Silent
from pipeline.publishing.verify import verify_dataset
from pipeline.teachers import GRAMMARS, load_teacher
from schemas.identity import request_seed
from tests.collections import collection_ids, make_collection
from tests.vllm.engines import GLM, KIMI, vllm_settings
from tests.vllm.script import VARIABLE, WORDS, load_tokenizer, write_script

pytestmark = pytest.mark.vllm

SEED = 7
CLASSES = ["n01440764", "n02123045", "n07920052"]
HUB_NAME = "tests/tiny-glm"
COMMIT = "0123456789abcdef" * 2 + "01234567"
IMAGES = collection_ids(CLASSES, 8)
PARALLEL = 2
PART_ROWS = 3


def say(seed: int, count: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def choose_texts(teacher: str) -> dict[int | str, Any]:
    """A pair of its own for each image, by the seed of its first request."""
    render = GRAMMARS[load_teacher(teacher).grammar].render
    seeds = [request_seed(SEED, image_id, teacher, 1) for image_id in IMAGES]
    end = "<|im_end|>" if teacher == KIMI else ""
    return {seed: render(f"{say(seed, 150)}.", f"{say(seed + 1, 20)}.") + end for seed in seeds}


def write_texts(folder: Path, checkpoints: dict[str, Path]) -> Path:
    """One script for both teachers, since no seed is used by both."""
    whole: dict[str, Any] = {"words": [], "texts": {}}
    for teacher, checkpoint in checkpoints.items():
        path = write_script(folder / "script.json", load_tokenizer(checkpoint), choose_texts(teacher))
        whole["texts"] |= json.loads(path.read_text())["texts"]
    path.write_text(json.dumps(whole))
    return path


def put_into_cache(checkpoint: Path, cache: Path) -> None:
    """Lay a checkpoint down where the hub's client would: what is asked for without a revision is its ``main``."""
    repository = cache / f"models--{HUB_NAME.replace('/', '--')}"
    shutil.copytree(checkpoint, repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)


def write_config(folder: Path, checkpoints: dict[str, Path]) -> Path:
    make_collection(folder / "images", "tars", CLASSES, 8)
    teachers = [
        {
            "name": teacher,
            "engine": vllm_settings(Path(HUB_NAME) if teacher == GLM else checkpoint).model_dump(
                mode="json", exclude_none=True
            ),
            "sampling": {"max_tokens": 600},
        }
        for teacher, checkpoint in checkpoints.items()
    ]
    config = {
        "seed": SEED,
        "source": {"path": "images"},
        "selection": {"holdout": {"synset_share": 0, "image_share": 0.3}},
        "generation": {"max_concurrency": PARALLEL, "part_seconds": 0.2, "part_rows": PART_ROWS},
        "teachers": teachers,
    }
    path = folder / "build.yaml"
    path.write_text(json.dumps(config))
    return path


def read_ledger(run_dir: Path, teacher: str) -> Iterator[dict[str, Any]]:
    for part in sorted((run_dir / "ledger" / f"teacher={teacher}").rglob("part-*.parquet")):
        yield from pq.read_table(part).to_pylist()


def wait_for_rows(build: subprocess.Popen[str], run_dir: Path, teacher: str, count: int) -> None:
    deadline = time.monotonic() + 240
    while sum(1 for _ in read_ledger(run_dir, teacher)) < count:
        assert build.poll() is None, build.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_build_that_is_killed_goes_on_to_a_verified_dataset(tiny_glm: Path, tiny_kimi: Path, tmp_path: Path) -> None:
    checkpoints = {GLM: tiny_glm, KIMI: tiny_kimi}
    config, run_dir = write_config(tmp_path, checkpoints), tmp_path / "run"
    put_into_cache(tiny_glm, tmp_path / "cache")
    command = [sys.executable, "-m", "flows.cli", "build", str(config), "--run-dir", str(run_dir)]
    environment = {
        VARIABLE: str(write_texts(tmp_path, checkpoints)),
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "1",
    }
    build = subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_rows(build, run_dir, GLM, PART_ROWS)
    family = psutil.Process(build.pid).children(recursive=True)
    assert any("EngineCore" in process.name() for process in family)
    build.send_signal(signal.SIGKILL)
    build.communicate()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive
    kept = {row["image_id"]: row for row in read_ledger(run_dir, GLM)}
    assert PART_ROWS <= len(kept) < len(IMAGES)

    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert f"{HUB_NAME}: revision not pinned; this run uses commit {COMMIT}" in done.stderr.replace("\n", " ")
    report = verify_dataset(run_dir / "dataset", Silent())
    assert not report.faults
    for teacher, checkpoint in checkpoints.items():
        rows = list(read_ledger(run_dir, teacher))
        assert sorted(row["image_id"] for row in rows) == IMAGES
        assert {(row["status"], row["attempt"]) for row in rows} == {("ok", 1)}
        texts = choose_texts(teacher)
        for row in rows:
            assert row["raw"].decode() == texts[row["seed"]]
            assert (row["engine"], row["dtype"]) == ("vllm", "float32")
            if teacher == GLM:
                assert (row["model"], row["revision"]) == (HUB_NAME, COMMIT)
            else:
                assert row["model"] == checkpoint.name
                assert row["revision"].startswith("local-")
            assert {"vllm", "transformers", "torch", "device"} <= dict(row["versions"]).keys()
            assert row["completion_tokens"] > row["thinking_tokens"] > row["answer_tokens"] > 0
    # what the ledger held when the build was killed was not asked again
    after = {row["image_id"]: row for row in read_ledger(run_dir, GLM)}
    assert {image_id: after[image_id]["started_at"] for image_id in kept} == {
        image_id: row["started_at"] for image_id, row in kept.items()
    }
