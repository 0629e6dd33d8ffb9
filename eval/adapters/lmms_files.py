"""The task folder for lmms-eval's ``--include_path``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from eval.adapters.scorer import MAX_NEW_TOKENS, Scorer, is_higher_better
from eval.benchmark.storage import SPLIT, Benchmark
from pipeline.files import write_atomic

TASK = "imagenet_think"
_YAML, _UTILS = f"{TASK}.yaml", "utils.py"
FILES = (_YAML, _UTILS)


def write(benchmark: Benchmark, out: Path, tags: str) -> None:
    """Write the task and the functions that it names."""
    write_atomic(out / _UTILS, _render_utils(benchmark.root, tags).encode())
    write_atomic(out / _YAML, _render_yaml(benchmark, Scorer(benchmark).names).encode())


def next_command(out: Path) -> str:
    """How lmms-eval is called."""
    folder = shlex.quote(str(out))
    return f"lmms-eval --include_path {folder} --tasks {TASK} --model MODEL --model_args ARGS --log_samples"


def _render_yaml(benchmark: Benchmark, names: tuple[str, ...]) -> str:
    files = "".join(f"    - {_quote(str(path))}\n" for path in benchmark.data_files)
    metrics = "".join(map(_render_metric, names))
    return f"""task: {TASK}
dataset_path: parquet
dataset_kwargs:
  data_files:
    {SPLIT}:
{files}test_split: {SPLIT}
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: !function utils.doc_to_text
doc_to_target: !function utils.doc_to_target
process_results: !function utils.process_results
# lmms-eval would take the thinking out before anything is scored
reasoning_tags: none
cluster_key: wnid
generation_kwargs:
  max_new_tokens: {MAX_NEW_TOKENS}
  temperature: 0
  do_sample: false
  # when left out, texts end at their first empty line
  until: []
metric_list:
{metrics}metadata:
  version: {_quote(benchmark.manifest.benchmark_version)}
  benchmark: {_quote(benchmark.manifest.name)}
  benchmark_sha256: {benchmark.manifest.sha256}
"""


def _render_metric(name: str) -> str:
    better = str(is_higher_better(name)).lower()
    return f"- metric: {name}\n  aggregation: !function utils.mean\n  higher_is_better: {better}\n"


def _quote(text: str) -> str:
    """As YAML."""
    return json.dumps(text, ensure_ascii=False)


def _render_utils(root: Path, tags: str) -> str:
    return f'''"""The functions that {_YAML} names; imagenet-think has them."""

from eval.adapters.lmms_eval import Questions, mean

__all__ = ["doc_to_target", "doc_to_text", "doc_to_visual", "mean", "process_results"]

questions = Questions({str(root)!r}, {tags!r})
doc_to_visual = questions.doc_to_visual
doc_to_text = questions.doc_to_text
doc_to_target = questions.doc_to_target
process_results = questions.process_results
'''
