"""The table and the script for VLMEvalKit."""

from __future__ import annotations

import shlex
from pathlib import Path

from eval.adapters.vlmevalkit import NAME, write_table
from eval.benchmark.storage import Benchmark
from pipeline.files import write_atomic

_TABLE, _SCRIPT = f"{NAME}.tsv", f"{NAME}.py"
FILES = (_TABLE, _SCRIPT)


def write(benchmark: Benchmark, out: Path, tags: str) -> None:
    """Write the questions, and the script that makes them known to VLMEvalKit and runs it."""
    write_table(out / _TABLE, benchmark.items(pictures=True))
    text = f'''"""VLMEvalKit with one more dataset: python {_SCRIPT} VLMEvalKit/run.py --data {NAME} --model MODEL."""

import os
import runpy
import sys
from pathlib import Path

from eval.adapters.vlmevalkit import Questions


def register():
    from vlmeval import dataset

    class ImageNetThink(Questions, dataset.ImageBaseDataset):
        table = str(Path(__file__).with_name({_TABLE!r}))
        benchmark = {str(benchmark.root)!r}
        tags = {tags!r}

    dataset.DATASET_CLASSES.append(ImageNetThink)
    return ImageNetThink


if __name__ == "__main__":
    # cells of a sheet hold 32,767 characters, and its own splitting knows one kind of thinking tags
    os.environ.setdefault("PRED_FORMAT", "json")
    os.environ.pop("SPLIT_THINK", None)
    sys.argv = sys.argv[1:]
    sys.path.insert(0, str(Path(sys.argv[0]).resolve().parent))
    register()
    runpy.run_path(sys.argv[0], run_name="__main__")
'''
    write_atomic(out / _SCRIPT, text.encode())


def next_command(out: Path) -> str:
    """How VLMEvalKit is called."""
    return f"python {shlex.quote(str(out / _SCRIPT))} VLMEvalKit/run.py --data {NAME} --model MODEL"
