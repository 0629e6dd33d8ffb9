"""The command line: one verb per stage, one for all of them, and those around the engines.

Prefect is imported only by the verbs that run flows.
"""

from __future__ import annotations

from flows.cli import build_verbs, engine_verbs, export_verbs, publish_verbs, rejoin_verbs, report_verbs, show_verb
from flows.cli.app import app, main

__all__ = [
    "app",
    "build_verbs",
    "engine_verbs",
    "export_verbs",
    "main",
    "publish_verbs",
    "rejoin_verbs",
    "report_verbs",
    "show_verb",
]
