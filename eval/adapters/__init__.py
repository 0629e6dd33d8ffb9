"""The benchmark in the tools that people already use. Each calls our metrics; none copies them.

What ``adapt`` writes for a tool imports that tool's module here: ``lmms_eval``, ``inspect_ai`` or ``vlmevalkit``.
"""

from __future__ import annotations

from eval.adapters.adapt import HARNESSES, Adapted, adapt

__all__ = ["HARNESSES", "Adapted", "adapt"]
