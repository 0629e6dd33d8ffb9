"""What a run directory says of its progress, from its files alone; nothing is locked, and nothing is written."""

from __future__ import annotations

from pipeline.watching.run import RunWatch

__all__ = ["RunWatch"]
