"""What artifacts show adds up."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flows.cluster.tables import build_rows, chunk_rows
from flows.cluster.watching import _to_key
from schemas.manifest import DatasetManifest
from schemas.rejection import RejectReason, Stage
from schemas.report import GenerationReport

REPORT = GenerationReport(
    teacher="glm-4.1v-9b-thinking",
    model="m",
    engine="vllm",
    attempts=12,
    statuses={"ok": 10, "no_think": 2},
    rungs={"as_is": 10, "new_seed": 2},
    completion_tokens=4000,
    restarts=1,
    seconds=8.0,
    starved_seconds=0.4,
)


def test_a_chunk_s_table_has_status_rung_speed_and_starvation() -> None:
    rows = {row["which"]: row["count"] for row in chunk_rows(REPORT)}
    assert rows["all"] == rows["ok"] + rows["no_think"] == rows["as_is"] + rows["new_seed"]  # type: ignore[operator]
    assert (rows["tokens/s"], rows["engine starved, percent"], rows["restarts"]) == (500.0, 5.0, 1)


def test_a_chunk_that_took_no_time_has_no_speed() -> None:
    rows = chunk_rows(REPORT.model_copy(update={"seconds": 0.0}))
    assert {row["which"]: row["count"] for row in rows}["tokens/s"] == 0.0


@given(
    rejected=st.dictionaries(
        st.sampled_from(Stage), st.dictionaries(st.sampled_from(RejectReason), st.integers(0, 99), max_size=3)
    ),
    left_over=st.integers(0, 99),
    packed=st.integers(0, 99),
)
def test_where_images_went_adds_up(rejected: dict[Stage, dict[RejectReason, int]], left_over: int, packed: int) -> None:
    seen = packed + left_over + sum(sum(reasons.values()) for reasons in rejected.values())
    counts: dict[str, Any] = {"seen": seen, "packed": packed, "left_over": left_over, "rejected": rejected}
    manifest = DatasetManifest.model_construct(None, **counts)
    rows = build_rows(manifest)
    losses = sum(int(row["images"]) for row in rows[1:-1])
    assert rows[0]["images"] == seen
    assert rows[-1]["images"] == packed
    assert seen + losses == packed


def test_keys_of_artifacts_are_what_the_server_takes() -> None:
    assert _to_key("progress-generate glm-4.1v-9b-thinking") == "progress-generate-glm-4-1v-9b-thinking"
