"""The command line: one verb per stage, one for all of them, and those around the engines.

Prefect is imported only by the verbs that run flows.
"""

from __future__ import annotations

from flows.cli import build_verbs, engine_verbs, report_verbs
from flows.cli.app import app, main

__all__ = ["app", "build_verbs", "engine_verbs", "main", "report_verbs"]
