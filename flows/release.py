"""Flows after a build: a dataset to the hub, a model over the benchmark. The verbs of these names do the same."""

from __future__ import annotations

from pathlib import Path

from flows import environment

environment.prepare_environment()

from prefect import flow  # noqa: E402

from eval.benchmark.storage import open_benchmark  # noqa: E402
from eval.running import EvaluationOptions, plan_evaluation, run_evaluation  # noqa: E402
from flows.cluster.gpus import gpus_held  # noqa: E402
from flows.cluster.watching import progress_of_run, reported, show_text  # noqa: E402
from pipeline.publishing.publish import PublishOptions  # noqa: E402
from pipeline.publishing.publish import publish as bring  # noqa: E402


@flow
@reported
def publish(  # noqa: PLR0913, PLR0917 - the verb's options
    dataset: str,
    repo_id: str,
    include_images: bool = False,  # noqa: FBT001, FBT002 - a flow's parameters are named
    accept_imagenet_terms: bool = False,  # noqa: FBT001, FBT002
    private: bool = False,  # noqa: FBT001, FBT002
    branch: str = "main",
    tag: str | None = None,
    allow_engines: tuple[str, ...] = (),
) -> None:
    """Publish a packed dataset on the Hugging Face hub. The token is in HF_TOKEN where this runs, never a parameter."""
    root = Path(dataset).resolve()
    options = PublishOptions(
        repo_id=repo_id,
        include_images=include_images,
        accept_imagenet_terms=accept_imagenet_terms,
        private=private,
        branch=branch,
        tag=tag,
        allow_engines=frozenset(allow_engines),
    )
    publication = bring(root, options, root.parent / ".publishing" / root.name, progress_of_run())
    show_text("publication", f"`{publication.repo_id}` at `{publication.tag}`, read back whole", "What was published")


@flow
@reported
def evaluate(
    benchmark: str,
    model: str,
    out: str,
    engine: str | None = None,
    servers: tuple[str, ...] = (),
    limit: int | None = None,
) -> None:
    """Run a model over a benchmark on this worker's GPUs, each item once, and score its answers."""
    progress = progress_of_run()
    options = EvaluationOptions(model, engine, servers, limit)
    evaluation = plan_evaluation(open_benchmark(Path(benchmark)), Path(out), options, progress)
    with gpus_held(progress.warn):
        run_evaluation(evaluation, progress)
    report = evaluation.folder.scores / "report.md"
    show_text("scores", report.read_text(encoding="utf-8"), f"{evaluation.name} on {benchmark}")
