"""How a source's containers are scanned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ScanMode = Literal["auto", "random", "sequential"]


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What the configuration says of scanning (``schemas.config.SourceConfig``)."""

    scan_mode: ScanMode = "auto"
    """How archives are read: ``random`` headers only, ``sequential`` all bytes in order. Never changes the outcome."""
    dimensions: bool = True
    """Whether the first bytes of every image are looked at."""


DEFAULT_OPTIONS = ScanOptions()
