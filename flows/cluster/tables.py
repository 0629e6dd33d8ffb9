"""What artifacts show of a chunk and of a build: rows for tables, from reports and manifests alone."""

from __future__ import annotations

from schemas.manifest import DatasetManifest
from schemas.rejection import Stage
from schemas.report import GenerationReport

Row = dict[str, str | int | float]


def chunk_rows(report: GenerationReport) -> list[Row]:
    """What a run of a chunk came to: attempts by status and by rung, speed, and how long the engine waited for us."""
    rows: list[Row] = [{"what": "attempts", "which": "all", "count": report.attempts}]
    rows += [{"what": "status", "which": str(name), "count": count} for name, count in sorted(report.statuses.items())]
    rows += [{"what": "rung", "which": str(name), "count": count} for name, count in sorted(report.rungs.items())]
    rate = report.completion_tokens / report.seconds if report.seconds else 0.0
    return [
        *rows,
        {"what": "speed", "which": "tokens/s", "count": round(rate, 1)},
        {"what": "speed", "which": "engine starved, percent", "count": round(100 * report.starved_share, 2)},
        {"what": "engine", "which": "restarts", "count": report.restarts},
    ]


def build_rows(manifest: DatasetManifest) -> list[Row]:
    """Where every entry of the source went: packed + rejected + left over = seen."""
    rows: list[Row] = [{"stage": "source", "reason": "seen", "images": manifest.seen}]
    for stage in Stage:
        reasons = manifest.rejected.get(stage, {})
        rows += [{"stage": str(stage), "reason": str(reason), "images": -count} for reason, count in reasons.items()]
        if stage is Stage.SELECT:
            rows.append({"stage": str(stage), "reason": "left over", "images": -manifest.left_over})
    return [*rows, {"stage": str(Stage.PACK), "reason": "packed", "images": manifest.packed}]
