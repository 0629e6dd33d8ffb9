"""The demo's input: real photographs from installed packages, and a few files that are not what they seem."""

from __future__ import annotations

from flows.demo.damage import add_damaged_files
from flows.demo.photographs import lay_out_photographs

__all__ = ["add_damaged_files", "lay_out_photographs"]
