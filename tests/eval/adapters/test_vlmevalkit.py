"""The table and the script, with a hand-written VLMEvalKit that does what the real one does around them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from eval.adapters import adapt
from eval.benchmark.storage import Benchmark
from tests.eval.adapters.world import score_texts, write_text
from tests.eval.world import make_benchmark, make_item, write_benchmark

ROOT = Path(__file__).parents[3]

SMP = """
import json
import pandas as pd

def load(path):
    if path.endswith(".tsv"):
        return pd.read_csv(path, sep="\\t")
    return pd.DataFrame(json.load(open(path)))
"""
"""How VLMEvalKit reads tables."""

DATASET = """
import os

class ImageBaseDataset:
    def __init__(self, dataset):
        self.dataset_name = dataset
        self.img_root = os.path.join(os.environ["LMUData"], "images", dataset)
        self.data = self.load_data(dataset)
        self.post_build(dataset)

    @classmethod
    def supported_datasets(cls):
        return list(cls.DATASET_URL)

DATASET_CLASSES = []

def build_dataset(name):
    return next(kind for kind in DATASET_CLASSES if name in kind.supported_datasets())(name)
"""
"""The base class, and how a class is found by the name of its dataset."""

RUN = """
import argparse, json, os
from vlmeval.dataset import build_dataset

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    parser.add_argument("--model")
    arguments = parser.parse_args()
    dataset = build_dataset(arguments.data)
    said = json.load(open("said.json"))
    rows = dataset.data.drop(columns="image").to_dict("records")
    for row in rows:
        row["prediction"] = said[row["key"]]
    path = f"{arguments.model}_{arguments.data}.{os.environ['PRED_FORMAT']}"
    json.dump(rows, open(path, "w"))
    print(json.dumps([dataset.img_root, dataset.force_use_dataset_prompt, dataset.evaluate(path, nproc=4)]))
"""
"""Asks, writes the table of predictions, has it evaluated."""


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    return make_benchmark(tmp_path / "benchmark")


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A copy of VLMEvalKit, not installed."""
    folder = tmp_path / "kit"
    (folder / "vlmeval").mkdir(parents=True)
    for name, text in {
        "vlmeval/__init__.py": "",
        "vlmeval/smp.py": SMP,
        "vlmeval/dataset.py": DATASET,
        "run.py": RUN,
    }.items():
        (folder / name).write_text(text)
    return folder


def test_the_table_comes_back_whole(tmp_path: Path) -> None:
    texts = (("Thinks\n\tin 'lines'.", 'A "quoted"\tanswer\r\nof two lines: \u2028 狗'), ("Thinks.", "Answers."))
    benchmark = write_benchmark(tmp_path / "benchmark", [make_item(1), make_item(2, texts=texts)])
    adapt(benchmark.root, "vlmevalkit", tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/imagenet_think.tsv", sep="\t").to_dict("records")
    for index, (row, item) in enumerate(zip(table, benchmark.items(pictures=True), strict=True)):
        assert item.image is not None
        assert base64.b64decode(row.pop("image")) == item.image.bytes
        assert row == {
            "index": index,
            "question": item.prompt,
            "answer": item.references[0].answer,
            "key": item.key,
            "wnid": item.wnid,
            "domain": item.domain,
            "level": item.level,
            "stratum": item.stratum,
        }


def test_the_script_runs_the_kit_and_its_figures_are_those_of_score(
    benchmark: Benchmark, kit: Path, tmp_path: Path
) -> None:
    texts = {item.key: write_text(number, item) for number, item in enumerate(benchmark.items())}
    summary, _ = score_texts(benchmark, texts, tmp_path / "scores")
    (tmp_path / "said.json").write_text(json.dumps(texts))
    adapt(benchmark.root, "vlmevalkit", tmp_path / "out")
    done = subprocess.run(
        [
            sys.executable,
            "out/imagenet_think.py",
            str(kit / "run.py"),
            "--data",
            "imagenet_think",
            "--model",
            "someone",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LMUData": str(tmp_path / "LMUData"), "SPLIT_THINK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    img_root, is_forced, figures = json.loads(done.stdout.splitlines()[-1])
    assert figures == {figure.name: figure.value for figure in summary.figures if "@" not in figure.name}
    assert img_root.endswith(f"/imagenet_think_{benchmark.manifest.sha256[:8]}")  # pictures of no other benchmark
    assert is_forced
    assert (tmp_path / "someone_imagenet_think/summary.json").read_bytes() == (
        tmp_path / "scores/summary.json"
    ).read_bytes()


def test_what_a_model_failed_to_say_is_missing_and_what_came_apart_is_given(
    benchmark: Benchmark, kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(kit))
    items = list(benchmark.items())[:4]
    texts = (
        ("Failed to obtain answer via API.", float("nan")),
        ("A fish.", "Is it a fish?"),
        (float("nan"), float("nan")),
        ("<think>Is it?</think>It is.", ""),
    )
    rows = [
        {"key": item.key, "prediction": answer, "thinking": thinking}
        for item, (answer, thinking) in zip(items, texts, strict=True)
    ]
    (tmp_path / "someone_imagenet_think.json").write_text(json.dumps(rows))
    from eval.adapters.vlmevalkit import Questions  # noqa: PLC0415 - beside the kit that it is for

    class Dataset(Questions):
        benchmark = str(tmp_path / "benchmark")
        tags = "auto"

    Dataset().evaluate(str(tmp_path / "someone_imagenet_think.json"))
    lines = (tmp_path / "someone_imagenet_think_predictions.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"key": items[1].key, "thinking": "Is it a fish?", "answer": "A fish."},
        {"key": items[2].key, "raw": ""},
        {"key": items[3].key, "raw": "<think>Is it?</think>It is."},
    ]
    for name in ("vlmeval.smp", "vlmeval"):
        monkeypatch.delitem(sys.modules, name)
