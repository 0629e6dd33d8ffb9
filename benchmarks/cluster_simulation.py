"""``python -m benchmarks.cluster_simulation``: what a cluster's size and faults cost, in virtual time.

The planning and the ledger are the real ones: the dispatcher of a build reads parts that simulated engines wrote. What
is simulated is the time that engines take, and what goes wrong. Lengths and speeds are assumptions, of a 48 GB GPU;
nobody has published them for these teachers. What counts are the ratios.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.peak import PeakMemory
from benchmarks.simulated_cluster import Cluster, Faults, Result
from benchmarks.simulated_run import MAX_ATTEMPTS, MAX_TOKENS, Model
from pipeline.dispatch import Backlog, Dispatcher
from pipeline.engines.base import EngineInfo
from pipeline.generation.setup import TeacherSetup, claim_identity
from pipeline.teachers import GRAMMARS, load_teacher
from prompts import load_prompt
from schemas.config import TeacherConfig, WorkPoolConfig
from schemas.engines import PixelsEngine
from schemas.identity import GenerationIdentity

SPEEDS = {
    "glm-4.1v-9b-thinking": (800.0, 45.0, 1000.0, 0.7, 90.0),
    "kimi-vl-a3b-thinking-2506": (1200.0, 80.0, 1300.0, 0.8, 110.0),
}
"""By teacher: tokens a second of the engine and of one request alone, median length, spread, seconds to load."""

IMAGES = {"tiny": 300, "quick": 50_000, "full": 250_000}
CREWS = {"tiny": (4,), "quick": (8, 64), "full": (8, 64, 512)}

DAY = 86_400.0

SCENARIOS = {
    "none": Faults("no faults"),
    "crashes": Faults("a crash per worker and day", between_crashes=DAY),
    "preemptions": Faults("the same, and preempted every 6 h", between_crashes=DAY, between_preemptions=DAY / 4),
}

HEADINGS = (
    "workers",
    "faults",
    "hours",
    "efficiency",
    "loading",
    "full speed",
    "repeated",
    "runs",
    "broken off",
    "parts",
    "planning median / longest",
    "parent started again",
)


def simulate(workers: int, faults: Faults, images: int, root: Path) -> Result:
    """Build once, in an empty folder."""
    models = {name: Model(_claim(name, root), *speeds) for name, speeds in SPEEDS.items()}
    dispatcher_of = _Parent(root, images, models)
    cluster = Cluster(root, models, workers, faults)
    result = cluster.run(dispatcher_of.open(cluster))
    result.cold_seconds, result.cold_megabytes = _start_again(root, images)
    return result


class _Parent:
    """Opens dispatchers on a run directory."""

    def __init__(self, root: Path, images: int, models: dict[str, Model]) -> None:
        self._root = root
        self._ids = [f"n01440764_{number}" for number in range(images)]
        rates = {name: model.images_per_minute(random.Random(0)) for name, model in models.items()}
        self._where = WorkPoolConfig(work_pool="gpu", images_per_minute=rates, outstanding=1024)

    def open(self, cluster: Cluster) -> Dispatcher:
        chunks = self._root / "chunks"
        backlogs = [
            Backlog(
                set_up(name),
                self._ids,
                self._root / "ledger",
                chunks,
                max_attempts=MAX_ATTEMPTS,
                told=self._where.images_per_minute[name],
            )
            for name in SPEEDS
        ]
        return Dispatcher(backlogs, cluster, self._where, chunks, clock=lambda: cluster.now)


def set_up(teacher: str) -> TeacherSetup:
    """A teacher as the simulated builds ask it."""
    spec = load_teacher(teacher)
    config = TeacherConfig(name=teacher, engine=PixelsEngine(kind="pixels"))
    sampling = spec.sampling.model_copy(update={"max_tokens": MAX_TOKENS})
    return TeacherSetup(config, spec, sampling, GRAMMARS[spec.grammar], load_prompt("describe-step-by-step"))


def _claim(teacher: str, root: Path) -> GenerationIdentity:
    info = EngineInfo("simulated", "simulated", "1", "bfloat16")
    return claim_identity(set_up(teacher), info, root / "ledger")


def _start_again(root: Path, images: int) -> tuple[float, float]:
    """Start another parent, in a process of its own, when everything is in the ledger: seconds and peak megabytes."""
    command = [sys.executable, "-m", "benchmarks.cluster_simulation", "--parent", str(root), "--images", str(images)]
    seconds, megabytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(seconds), float(megabytes)


def _be_parent(root: Path, images: int) -> None:
    models = {name: Model(_claim(name, root), *speeds) for name, speeds in SPEEDS.items()}
    began = time.perf_counter()
    with PeakMemory() as peak:
        dispatcher = _Parent(root, images, models).open(Cluster(root, models, 1, SCENARIOS["none"]))
        is_done = dispatcher.step()
    if not is_done:
        raise SystemExit("the simulated build is not finished")
    print(time.perf_counter() - began, peak.bytes / 1e6)


def format_row(result: Result) -> list[str]:
    """One line of the table."""
    return [
        f"{result.workers}",
        result.faults,
        f"{result.hours:.2f}",
        f"{result.asking / result.held:.1%}",
        f"{result.loading / result.held:.1%}",
        f"{result.ideal / result.held:.1%}",
        f"{result.lost / result.tokens:.2%}",
        f"{result.runs}",
        f"{result.broken}",
        f"{result.parts:,}",
        f"{statistics.median(result.steps):.3f} / {max(result.steps):.2f} s",
        f"{result.cold_seconds:.1f} s, {result.cold_megabytes:,.0f} MB",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, and print one table; each line as soon as it is there."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cluster_simulation", description="A build on a cluster, in virtual time."
    )
    parser.add_argument("--scale", choices=list(IMAGES), default="full", help="images and crews; full by default")
    parser.add_argument("--workers", type=int, nargs="*", help="only these crews")
    parser.add_argument("--faults", choices=list(SCENARIOS), nargs="*", default=list(SCENARIOS), help="only these")
    parser.add_argument("--images", type=int, help="of each teacher; what the scale says when left out")
    parser.add_argument("--parent", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    images = options.images or IMAGES[options.scale]
    if options.parent is not None:
        _be_parent(options.parent, images)
        return
    print(
        f"{images:,} images, {len(SPEEDS)} teachers. Efficiency: GPU time with requests in flight, of all that is held."
    )
    print("(full speed: what landed, were every window full). Repeated: tokens that were written and did not land.\n")
    print("| " + " | ".join(HEADINGS) + " |\n|" + "---|" * len(HEADINGS))
    for result in _simulate_all(options.workers or CREWS[options.scale], options.faults, images):
        print("| " + " | ".join(format_row(result)) + " |", flush=True)


def _simulate_all(crews: Sequence[int], scenarios: Sequence[str], images: int) -> Iterator[Result]:
    for workers in crews:
        for name in scenarios:
            with tempfile.TemporaryDirectory(prefix="cluster-simulation-") as root:
                yield simulate(workers, SCENARIOS[name], images, Path(root))


if __name__ == "__main__":
    main()
