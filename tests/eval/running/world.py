"""Small benchmarks, and models whose engine does what a script says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

NAME = "my-model"

ENTRY: dict[str, Any] = {
    "name": NAME,
    "model": "lab/my-model",
    "revision": None,
    "remote_code": False,
    "licence": "none",
    "grammar": "think",
    "context": 8192,
    "image": {"min_pixels": 1, "max_pixels": 1_000_000, "max_aspect": 200, "pixels_per_token": 784},
    "sampling": {"temperature": 0.5, "top_p": 1.0, "top_k": -1, "repetition_penalty": 1.0, "max_tokens": 1024},
    "engine": {"max_model_len": 8192, "limit_mm_per_prompt": {"image": 1}, "mm_processor_kwargs": {}},
    "requires": {"vllm": ">=0.32", "transformers": ">=5", "packages": [], "weights_gib": 1.0},
    "source": "a test",
}


def write_model(folder: Path, script: dict[str, list[str]] | None = None, **fields: Any) -> Path:
    """A model's file; with a script, its engine is the scripted one."""
    entry = {**ENTRY, **fields}
    options = entry.pop("options", {})
    if script is not None:
        factory = "tests.fakes.scripted_engine:create"
        entry["runs_on"] = {"kind": "custom", "factory": factory, "options": {"script": script, **options}}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{entry['name']}.yaml"
    path.write_text(yaml.safe_dump(entry))
    return path


def read_predictions(path: Path) -> dict[str, dict[str, str]]:
    """Lines by key, in the file's order."""
    return {line["key"]: line for line in map(json.loads, path.read_text().splitlines())}
