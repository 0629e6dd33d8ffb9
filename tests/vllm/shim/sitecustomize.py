"""Run by every interpreter with this folder on its path: lets vLLM be imported beside a torch without CUDA.

``torchvision`` declares fake kernels for operators that only its C library defines, and that library wants CUDA: the
operators are declared here instead, just before. Nothing on the way of a picture calls them. ``torchaudio`` and
``torchcodec`` load their libraries on import; they are made to look as if they were not installed, which both
transformers and vLLM take well. And every processor looks as if it had no AMX tiles: on those that have them, vLLM
takes kernels for mixtures of experts that refuse the small checkpoints' 32-bit weights.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.metadata
import sys
from collections.abc import Sequence
from types import ModuleType


class TorchvisionOperators(importlib.abc.MetaPathFinder):
    """Finds nothing, but sees torchvision coming."""

    def __init__(self) -> None:
        self._library: object = None  # what it declares is withdrawn when it is collected

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the interface's
        target: ModuleType | None = None,  # noqa: ARG002 - the interface's
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "torchvision" and self._library is None:
            import torch  # noqa: PLC0415 - not in every interpreter that has this folder on its path

            library = torch.library.Library("torchvision", "FRAGMENT")
            for operator in ("nms", "qnms"):
                library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            self._library = library
        return None


class TilelessProcessor(importlib.abc.MetaPathFinder):
    """Finds nothing, but sees vLLM coming."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - the interface's
        target: ModuleType | None = None,  # noqa: ARG002 - the interface's
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "vllm":
            import torch  # noqa: PLC0415 - not in every interpreter that has this folder on its path

            torch.cpu._is_amx_tile_supported = lambda: False
        return None


def _is_torch_for_cpus() -> bool:
    try:
        return importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return False


if _is_torch_for_cpus():
    sys.meta_path[:0] = [TorchvisionOperators(), TilelessProcessor()]
    for name in ("torchaudio", "torchcodec"):
        sys.modules[name] = None  # type: ignore[assignment]  # how the import system is told that there is none
