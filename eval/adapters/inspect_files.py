"""The file of a task for ``inspect eval``."""

from __future__ import annotations

import shlex
from pathlib import Path

from eval.benchmark.storage import Benchmark
from pipeline.files import write_atomic

_TASK = "imagenet_think"
_FILE = f"{_TASK}.py"
FILES = (_FILE,)


def write(benchmark: Benchmark, out: Path, tags: str) -> None:
    """Write the task's file. inspect-ai looks for the decorator in the file itself."""
    text = f'''"""The benchmark as a task of inspect-ai; imagenet-think has its parts."""

from inspect_ai import Task, task

from eval.adapters.inspect_ai import build_task


@task
def {_TASK}(benchmark: str = {str(benchmark.root)!r}, tags: str = {tags!r}) -> Task:
    """Thinking and answer, scored apart."""
    return build_task(benchmark, tags)
'''
    write_atomic(out / _FILE, text.encode())


def next_command(out: Path) -> str:
    """How inspect-ai is called; without the task's name it would refuse an absolute path."""
    return f"inspect eval {shlex.quote(str(out / _FILE))}@{_TASK} --model MODEL"
