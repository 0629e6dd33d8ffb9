"""Run a model over a benchmark by the generation stage of builds, and score what it answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from eval.benchmark.storage import Benchmark
from eval.running.folder import EvaluationFolder, check_folder, claimed
from eval.running.models import choose_engine, load_model
from eval.running.pictures import BenchmarkPictures, survey
from eval.running.predictions import Written, write_predictions
from eval.scoring import FAMILIES, ScoreOptions, open_suite, score
from eval.scoring.place import check_place
from eval.scoring.suite import check_file
from pipeline.files import write_atomic
from pipeline.generation import AskedImage, GenerationJob, TeacherSetup, generate_pairs, read_results
from pipeline.generation.setup import NO_CANARIES
from pipeline.progress import Progress
from pipeline.taxonomy import load_taxonomy
from pipeline.teachers import resolve_sampling
from prompts import Prompt
from schemas.base import canonical_json
from schemas.config import GenerationConfig, SamplingOverrides, TeacherConfig
from schemas.engines import ModelEngine, PixelsEngine
from schemas.errors import ConfigError, EngineError
from schemas.evaluation import EVALUATION_LAYOUT, EvaluationIdentity
from schemas.scores import ScoreSummary
from schemas.teacher import TeacherSpec

SEED = 0
"""The same for every model: it decides each request's own seed."""

ATTEMPTS = 1
"""Each item is asked once. Asking again until a text has the right form would flatter a model's obedience to it."""

PART_ROWS = 100
"""Answers that a kill can cost at most, with those in flight: a benchmark is small, and its answers are long."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What is asked of one evaluation."""

    model: str
    """Name of a model, or path of its YAML file."""
    engine: str | None = None
    """Kind of engine; the model's own, or else vLLM, when left out."""
    servers: tuple[str, ...] = ()
    limit: int | None = None
    """Only so many items: a fair sample, the same for every model. All others count as missing."""
    workers: int = 0
    """Processes that score; 0 is one per core."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model on one benchmark, everything looked up and checked, nothing started.

    Args:
        benchmark: what is asked.
        setup: who is asked, and how.
        folder: where all of it is kept.
        images: the photographs to ask about, in order.
        workers: processes that score.
    """

    benchmark: Benchmark
    setup: TeacherSetup
    folder: EvaluationFolder
    images: Sequence[AskedImage]
    workers: int

    @property
    def name(self) -> str:
        """What the scores are called. The embedded engine is no model, whatever model it stands in for."""
        return "pixels" if _is_pixels(self.setup) else self.setup.name

    @property
    def identity(self) -> EvaluationIdentity:
        """Whom the folder belongs to."""
        return _identify(self.benchmark, self.setup)

    @property
    def excluded(self) -> tuple[str, ...]:
        """References that do not count: the model's own, where it is one of the teachers."""
        return _find_own(self.benchmark, self.setup)

    def job(self, progress: Progress) -> GenerationJob:
        """The generation stage's part of it."""
        return GenerationJob(
            setup=self.setup,
            seed=SEED,
            settings=GenerationConfig(max_attempts=ATTEMPTS, part_rows=PART_ROWS),
            images=self.images,
            ledger=self.folder.ledger,
            source=BenchmarkPictures(self.benchmark.root),
            taxonomy=load_taxonomy(),
            progress=progress,
        )


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of an evaluation."""

    written: Written
    summary: ScoreSummary


def plan_evaluation(benchmark: Benchmark, out: Path, options: EvaluationOptions, progress: Progress) -> Evaluation:
    """Meet at once what would stop an evaluation later. Writes nothing, and asks no server.

    Raises:
        ConfigError: an unknown model, engine or option, an engine that cannot be made, a model that wrote all the
            references itself, or other files where the scores go.
        DatasetError: the benchmark holds no photographs, is damaged, or is scored by another version.
        RunDirectoryError: ``out`` belongs to another evaluation, or holds other files.
    """
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit {options.limit}: at least one item is needed")
    setup = _set_up(benchmark, options)
    setup.check_engine()
    if _find_own(benchmark, setup) == benchmark.manifest.teachers:
        raise ConfigError(
            f"{setup.name}: wrote all references of {benchmark.root}, so there is nothing to score it against",
            "take a benchmark with another teacher's",
        )
    folder = check_folder(out, _identify(benchmark, setup))
    check_place(folder.scores, folder.predictions)
    for path in benchmark.manifest.files:  # scoring would meet damage only after hours of asking
        check_file(benchmark, path)
    open_suite(benchmark)
    images = tuple(islice(survey(benchmark, progress), options.limit))
    return Evaluation(benchmark, setup, folder, images, options.workers)


def run_evaluation(evaluation: Evaluation, progress: Progress) -> Evaluated:
    """Ask about every item that was not answered yet, then write the predictions and score them.

    Killed at any moment and started again, it asks only about what is not in the ledger.

    Raises:
        ConfigError: another process is at work in the folder, or it cannot be made.
        RunDirectoryError: another engine wrote its ledger.
        EngineError: the engine does not start, failed a canary, stayed away or died too often, or answered nothing.
        SourceError: a photograph changed meanwhile, or cannot be read.
        DatasetError: the benchmark is damaged.
    """
    folder, setup = evaluation.folder, evaluation.setup
    items, asked = evaluation.benchmark.manifest.items, len(evaluation.images)
    if asked < items:
        progress.warn(f"only {asked:,} of {items:,} items are asked about; the others count as missing")
    with claimed(folder, evaluation.identity):
        report = generate_pairs(evaluation.job(progress))
        if report is not None:
            write_atomic(folder.report, canonical_json(report.model_dump(mode="json")))
        results = read_results(setup, folder.ledger)
        keys = sorted(image.ref.image_id for image in evaluation.images)
        written = write_predictions(folder.predictions, results.rows() if results else (), keys)
        if not written.answered:
            raise EngineError(
                f"{setup.name}: the engine refused all of {asked:,} items", "start it on its own and see what it says"
            )
        options = ScoreOptions(
            model=evaluation.name,
            tags=setup.spec.grammar,
            exclude_references=evaluation.excluded,
            workers=evaluation.workers,
        )
        summary = score(evaluation.benchmark, folder.predictions, folder.scores, options, progress)
    return Evaluated(written, summary)


def _set_up(benchmark: Benchmark, options: EvaluationOptions) -> TeacherSetup:
    entry = load_model(options.model)
    engine = choose_engine(entry, options.engine, options.servers)
    spec = TeacherSpec.model_validate(entry.model_dump(exclude={"runs_on"}))
    asked = benchmark.manifest.prompt
    return TeacherSetup(
        config=TeacherConfig(name=spec.name, engine=engine),
        spec=spec,
        sampling=resolve_sampling(spec, SamplingOverrides()),
        grammar=FAMILIES[spec.grammar],
        prompt=Prompt(id=asked.id, language=asked.language, text=asked.text),
        canaries=engine.canaries if isinstance(engine, ModelEngine) else NO_CANARIES,
    )


def _identify(benchmark: Benchmark, setup: TeacherSetup) -> EvaluationIdentity:
    spec, engine = setup.spec, setup.config.engine
    return EvaluationIdentity(
        layout=EVALUATION_LAYOUT,
        benchmark=benchmark.manifest.name,
        benchmark_sha256=benchmark.manifest.sha256,
        name=spec.name,
        model=spec.model,
        revision=spec.revision,
        grammar=spec.grammar,
        system=spec.system,
        sampling=setup.sampling,
        engine="model" if isinstance(engine, ModelEngine) else engine.kind,
    )


def _find_own(benchmark: Benchmark, setup: TeacherSetup) -> tuple[str, ...]:
    """Teachers that the model is, whether it goes by their name or is their repository under another one."""
    engine = setup.config.engine
    model = (engine.model if isinstance(engine, ModelEngine) else None) or setup.spec.model
    references = benchmark.manifest.references
    return tuple(writer.teacher for writer in references if setup.name == writer.teacher or model == writer.model)


def _is_pixels(setup: TeacherSetup) -> bool:
    return isinstance(setup.config.engine, PixelsEngine)
