"""The command line: one verb per stage, one for all of them, those around the engines, and those around scores.

Prefect is imported only by the verbs that run flows.
"""

from __future__ import annotations

from flows.cli import (
    adapt_verb,
    benchmark_verb,
    build_verbs,
    cluster_verbs,
    compare_verb,
    engine_verbs,
    evaluate_verbs,
    export_verbs,
    publish_verbs,
    rejoin_verbs,
    report_verbs,
    score_verb,
    show_verb,
    status_verb,
)
from flows.cli.app import app, main

__all__ = [
    "adapt_verb",
    "app",
    "benchmark_verb",
    "build_verbs",
    "cluster_verbs",
    "compare_verb",
    "engine_verbs",
    "evaluate_verbs",
    "export_verbs",
    "main",
    "publish_verbs",
    "rejoin_verbs",
    "report_verbs",
    "score_verb",
    "show_verb",
    "status_verb",
]
