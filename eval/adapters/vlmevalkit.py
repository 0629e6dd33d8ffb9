"""What VLMEvalKit calls: the table of questions, and the figures of a table of predictions."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from eval.benchmark.storage import Benchmark, open_benchmark
from eval.scoring import ScoreOptions, score
from pipeline.files import atomic_writer, write_atomic
from pipeline.progress import Silent
from schemas.benchmark import BenchmarkItem

NAME = "imagenet_think"
"""Of the dataset: what ``--data`` is given."""

FAILED = "Failed to obtain answer"
"""How VLMEvalKit begins the text that it writes where a model gave none."""

_COLUMNS = ("index", "image", "question", "answer", "key", "wnid", "domain", "level", "stratum")


def write_table(path: Path, items: Iterable[BenchmarkItem]) -> None:
    """Write the questions as VLMEvalKit reads them: separated by tabs, pictures in base64, an item at a time."""
    with atomic_writer(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        table = csv.writer(text, dialect="excel-tab", lineterminator="\n")
        table.writerow(_COLUMNS)
        table.writerows(_make_row(index, item) for index, item in enumerate(items))
        text.detach()  # or the file would be closed with it


def _make_row(index: int, item: BenchmarkItem) -> tuple[int | str, ...]:
    assert item.image is not None
    picture = base64.b64encode(item.image.bytes).decode()
    answer = item.references[0].answer
    return index, picture, item.prompt, answer, item.key, item.wnid, item.domain, item.level, item.stratum


class Questions:
    """The part of a dataset class that is ours; VLMEvalKit's ``ImageBaseDataset`` is the other parent."""

    TYPE: ClassVar[str] = "VQA"
    DATASET_URL: ClassVar[dict[str, str]] = {NAME: ""}
    force_use_dataset_prompt: ClassVar[bool] = True
    """Models else put instructions of their own around a question, such as to answer in one word."""

    table: ClassVar[str]
    """Path of the questions."""
    benchmark: ClassVar[str]
    """Folder of the benchmark."""
    tags: ClassVar[str]
    """Family of thinking tags, or ``auto``."""
    img_root: str

    def load_data(self, dataset: str) -> Any:
        """The questions as a data frame."""
        del dataset  # there is only one
        return _load(self.table)

    def post_build(self, dataset: str) -> None:
        """Keep the pictures apart from those of another benchmark, which VLMEvalKit would else take for them."""
        del dataset
        self.img_root = f"{self.img_root}_{open_benchmark(Path(self.benchmark)).manifest.sha256[:8]}"

    def evaluate(self, eval_file: str, **judge_kwargs: object) -> dict[str, float]:
        """Score a table of predictions; the whole report is written beside it.

        Args:
            eval_file: the table that VLMEvalKit wrote, named ``MODEL_DATASET``.
            judge_kwargs: of judges; there is none here.
        """
        del judge_kwargs
        out = Path(eval_file).with_suffix("")
        predictions = out.with_name(f"{out.name}_predictions.jsonl")
        write_atomic(predictions, b"".join(_make_lines(_load(eval_file).to_dict("records"))))
        return score_file(open_benchmark(Path(self.benchmark)), predictions, out, self.tags)


def score_file(benchmark: Benchmark, predictions: Path, out: Path, tags: str) -> dict[str, float]:
    """Score predictions into the folder ``out``, and give the figures over all items."""
    model = out.name.removesuffix(f"_{NAME}")
    # one process: VLMEvalKit's main module, which further ones would begin by importing, is a script of its own
    summary = score(benchmark, predictions, out, ScoreOptions(model=model, tags=tags, workers=1), Silent())
    return {figure.name: figure.value for figure in summary.figures if "@" not in figure.name}


def _load(path: str) -> Any:
    from vlmeval.smp import load  # noqa: PLC0415 - lies only where VLMEvalKit does

    return load(path)


def _make_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Predictions as they are scored. Where the model gave none there is no line: it is missing."""
    for row in rows:
        answer, thinking = _text_of(row["prediction"]), _text_of(row.get("thinking"))
        if answer.startswith(FAILED):
            continue
        texts = {"thinking": thinking, "answer": answer} if thinking else {"raw": answer}
        yield json.dumps({"key": row["key"], **texts}).encode() + b"\n"


def _text_of(cell: object) -> str:
    """A cell's text; an empty one comes back as not a number."""
    return cell if isinstance(cell, str) else ""
