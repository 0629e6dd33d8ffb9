"""The files that the checkpoints of all teachers have in common."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write one of a checkpoint's JSON files."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_weights(directory: Path, shapes: Mapping[str, tuple[int, ...]], seed: int) -> None:
    """Draw a model's weights and write ``model.safetensors``, in float32.

    The scales of norms are one, biases are zero, and all else is normal with a variance of one over the inputs (LeCun
    et al., Efficient BackProp, 1998): what a layer says is about as large as what it hears, so that the text depends
    on the picture. NumPy draws them, because its streams are the same on every processor.

    Args:
        directory: of the checkpoint.
        shapes: every tensor's shape, by the name that checkpoints on the hub use.
        seed: of the random stream. Tensors are drawn in the order of their names.
    """
    from safetensors.numpy import save  # noqa: PLC0415 - no part of the core installation

    random = np.random.default_rng(seed)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        if name.endswith("bias"):
            tensors[name] = np.zeros(shape, np.float32)
        elif len(shape) == 1:
            tensors[name] = np.ones(shape, np.float32)
        else:
            deviation = math.prod(shape[1:]) ** -0.5
            tensors[name] = random.standard_normal(shape, np.float32) * np.float32(deviation)
    (directory / "model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))
