"""The stages of a build, each on its run directory: do what is missing, leave what is done.

These are plain functions. The flows call them; so may anyone who wants a build without an orchestrator.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from pipeline.files import write_atomic
from pipeline.generation import (
    GenerationJob,
    SelectedImages,
    TeacherSetup,
    generate_pairs,
    read_results,
    set_up_teachers,
)
from pipeline.generation.ledger import leave_it_there
from pipeline.packing import PackInputs, pack
from pipeline.packing.sidecars import MANIFEST_FILE
from pipeline.progress import Progress, Silent
from pipeline.publishing.verify import VerifyReport, verify_dataset
from pipeline.reporting import has_report, keep_report
from pipeline.rundir import RunDirectory, check_run, exclusive, open_for_index, open_run
from pipeline.selection import REJECTIONS_FILE as SELECTION_REJECTIONS
from pipeline.selection import SELECTION_FILE, load_selection, select_images
from pipeline.selection.classes import candidates_needed, check_domains, judge_class, wanted_classes
from pipeline.selection.splits import judge_holdout
from pipeline.sources import build_index, load_summary, open_source
from pipeline.sources.base import Source
from pipeline.sources.gzip import open_kept
from pipeline.sources.index import REJECTIONS as INDEX_REJECTIONS
from pipeline.sources.index import SUMMARY as INDEX_SUMMARY
from pipeline.sources.index import IndexOptions, IndexSummary
from pipeline.sources.keeping import Keep
from pipeline.taxonomy import Taxonomy, load_taxonomy
from schemas.base import Contract, canonical_json
from schemas.config import BuildConfig, SourceConfig
from schemas.errors import ConfigError, DatasetError, RunDirectoryError
from schemas.manifest import DatasetManifest, SelectionManifest
from schemas.rejection import Stage
from schemas.report import StageTime


@dataclass(frozen=True)
class Build:
    """A configuration at work in a run directory.

    Args:
        config: what to build.
        run: where.
        progress: where to tell how it goes.
        landed: is given each file of the generation stage that others wait for, once it is written.
    """

    config: BuildConfig
    run: RunDirectory
    progress: Progress
    landed: Callable[[Path], None] = leave_it_there

    @cached_property
    def source(self) -> Source:
        """The user's copy of ImageNet-21k, or what was kept of it."""
        config, keep = self.config.source, self.keep
        return open_kept(config, keep) or open_source(config, keep)

    @property
    def keep(self) -> Keep:
        """What is kept of a source that can only be streamed."""
        config = self.config
        wanted = wanted_classes(self.taxonomy, config.selection)
        per_class = config.source.keep_per_class or candidates_needed(config.selection, len(wanted))
        return Keep(self.run.candidates, config.seed, per_class, wanted)

    @cached_property
    def taxonomy(self) -> Taxonomy:
        """WordNet's part for ImageNet-21k."""
        return load_taxonomy()

    @cached_property
    def teachers(self) -> list[TeacherSetup]:
        """The teachers, in the configuration's order."""
        return set_up_teachers(self.config)

    def check(self) -> None:
        """Meet at once what would stop the build later.

        Raises:
            ConfigError: an unknown teacher, prompt, engine factory, synset or domain.
            SourceError: no images where they should be.
            RunDirectoryError: they were indexed in another form.
        """
        _check_form(self.source, self.run)
        for setup in self.teachers:
            setup.check_engine()
        judge_class(self.taxonomy, self.config.selection)
        check_domains(self.taxonomy, self.config.selection)
        judge_holdout(self.taxonomy, self.config.selection.holdout, self.config.seed)

    def setup_of(self, teacher: str) -> TeacherSetup:
        """A teacher by its name.

        Raises:
            ConfigError: there is none of that name in this build.
        """
        for setup in self.teachers:
            if setup.name == teacher:
                return setup
        names = ", ".join(setup.name for setup in self.teachers)
        raise ConfigError(f"{self.run.path}: {teacher} is no teacher of this build", f"name one of {names}")

    def job(self, setup: TeacherSetup) -> GenerationJob:
        """One teacher's part of the generation stage."""
        return GenerationJob(
            setup=setup,
            seed=self.config.seed,
            settings=self.config.generation,
            images=SelectedImages(self.run.selection / SELECTION_FILE),
            ledger=self.run.ledger,
            source=self.source,
            taxonomy=self.taxonomy,
            progress=self.progress,
            landed=self.landed,
        )


def open_build(
    config: BuildConfig,
    run_dir: Path,
    progress: Progress | None = None,
    landed: Callable[[Path], None] = leave_it_there,
) -> Build:
    """Open (or make) a run directory for a configuration, once everything that is cheap to check was found in order.

    Raises:
        ConfigError: an unknown teacher, prompt or synset.
        SourceError: no images where they should be.
        RunDirectoryError: it belongs to another configuration.
    """
    build = Build(config, check_run(run_dir, config), progress or Silent(), landed)
    build.check()
    open_run(run_dir, config)
    return build


def index(build: Build) -> IndexSummary:
    """List what the source holds, unless that was done."""
    done = _finished_index(build.run, build.config.source, build.progress)
    if done is not None:
        return done
    began = time.monotonic()
    options = IndexOptions.of(build.config.source)
    summary = build_index(build.source, build.run.index, build.progress, options)
    _note_time(build, Stage.INDEX, began)
    return summary


def index_alone(config: SourceConfig, run_dir: Path, progress: Progress) -> IndexSummary:
    """List what a source holds before there is a configuration of a build; any build may then use the directory.

    No image is kept of a source that can only be streamed, since nobody can say yet what will be drawn.

    Raises:
        SourceError: no images where they should be, or they cannot be read.
        RunDirectoryError: the directory holds something else, or another process is at work in it.
    """
    run = check_run(run_dir, None)
    source = open_source(config, Keep(run.candidates, seed=0, per_class=1, wanted=frozenset()))
    _check_form(source, run)
    open_for_index(run_dir)
    with exclusive(run, None):
        done = _finished_index(run, config, progress)
        if done is not None:
            return done
        if source.is_stream:
            progress.warn(f"{config.path} can only be streamed: without a CONFIG no image is kept to select from")
        return build_index(source, run.index, progress, IndexOptions.of(config))


def _finished_index(run: RunDirectory, config: SourceConfig, progress: Progress) -> IndexSummary | None:
    """The index that there is already, if any; a selection may rest on it, so it stays."""
    done = load_summary(run.index)
    if done is not None and done.place != config.path:
        progress.warn(
            f"{run.index} lists {done.place}, and is taken for a list of {config.path}; "
            f"delete {run.index / INDEX_SUMMARY} to index again"
        )
    return done


def select(build: Build) -> SelectionManifest:
    """Draw the images and report what came of it, unless that was done.

    Raises:
        RunDirectoryError: the source was not indexed yet.
    """
    done = load_selection(build.run.selection)
    if done is not None:
        if not has_report(build.run, done):
            keep_report(build.run, build.taxonomy)
        return done
    _require(load_summary(build.run.index) is not None, build, Stage.SELECT, Stage.INDEX)
    began = time.monotonic()
    run = build.run
    manifest = select_images(run.index, build.source, build.config, build.taxonomy, run.selection, build.progress)
    keep_report(run, build.taxonomy)
    _note_time(build, Stage.SELECT, began)
    return manifest


def generate(build: Build, teacher: str) -> None:
    """Ask one teacher about every image that the ledger does not settle yet.

    Raises:
        RunDirectoryError: no images were selected yet.
    """
    require_selection(build)
    report = generate_pairs(build.job(build.setup_of(teacher)))
    if report is not None:
        write_report(build.run, f"generate-{teacher}", report)


def pack_dataset(build: Build) -> DatasetManifest:
    """Turn selection and ledger into shards; what is up to date is left alone.

    Raises:
        RunDirectoryError: a teacher was never asked.
    """
    selection = load_selection(build.run.selection)
    results = [read_results(setup, build.run.ledger) for setup in build.teachers]
    ready = [result for result in results if result is not None]
    _require(selection is not None and len(ready) == len(results), build, Stage.PACK, Stage.GENERATE)
    assert selection is not None
    began = time.monotonic()
    before = _dataset_digest(build.run)
    inputs = PackInputs(
        config=build.config,
        prompt=build.teachers[0].prompt,
        taxonomy=build.taxonomy,
        source=build.source,
        selection=build.run.selection / SELECTION_FILE,
        manifest=selection,
        results=ready,
        earlier_rejections={
            Stage.INDEX: build.run.index / INDEX_REJECTIONS,
            Stage.SELECT: build.run.selection / SELECTION_REJECTIONS,
        },
    )
    manifest = pack(inputs, build.run.dataset, build.progress)
    if manifest.sha256 != before:
        _note_time(build, Stage.PACK, began)
    return manifest


def verify(build: Build) -> VerifyReport | None:
    """Read the packed dataset back, unless these very files were found whole before.

    Returns:
        The report, or ``None`` when there was nothing to do.

    Raises:
        DatasetError: something is wrong with it; the message holds the first faults.
    """
    state, mark = _dataset_state(build.run), build.run.verified
    if mark.exists() and mark.read_text() == state:
        return None
    began = time.monotonic()
    report = verify_dataset(build.run.dataset, build.progress)
    if report.faults:
        first = "; ".join(str(fault) for fault in report.faults[:3])
        raise DatasetError(
            f"{build.run.dataset}: {len(report.faults)} fault(s): {first}",
            f"see imagenet-think verify {build.run.dataset}, remove the dataset folder and pack again",
        )
    _note_time(build, Stage.VERIFY, began)
    write_atomic(mark, state.encode())
    return report


def _check_form(source: Source, run: RunDirectory) -> None:
    """Refuse a source whose images do not lie where the index says.

    Raises:
        RunDirectoryError: it has another form than the one that was indexed.
    """
    indexed = load_summary(run.index)
    if indexed is not None and indexed.form != source.form:
        raise RunDirectoryError(
            f"{run.path}: the source was indexed as {indexed.form} ({indexed.place}) and is now {source.form}",
            "set source.path and source.form back, or choose another --run-dir",
        )


def write_report(run: RunDirectory, name: str, report: Contract) -> Path:
    """Keep a small report beside the data.

    Returns:
        Its file.
    """
    path = run.reports / f"{name}.json"
    write_atomic(path, canonical_json(report.model_dump(mode="json")))
    return path


def _note_time(build: Build, stage: Stage, began: float) -> None:
    write_report(build.run, stage.value, StageTime(stage=stage.value, seconds=time.monotonic() - began))


def _dataset_digest(run: RunDirectory) -> str:
    """The manifest's own digest; empty when there is no manifest, or none that can be read."""
    try:
        return DatasetManifest.model_validate_json((run.dataset / MANIFEST_FILE).read_bytes()).sha256
    except (FileNotFoundError, ValidationError):
        return ""


def _dataset_state(run: RunDirectory) -> str:
    """Digest of what the files say of themselves, so that any change of any of them shows."""
    files = sorted(path for path in run.dataset.rglob("*") if path.is_file())
    seen = [[str(path.relative_to(run.dataset)), (stat := path.stat()).st_size, stat.st_mtime_ns] for path in files]
    return hashlib.sha256(canonical_json([_dataset_digest(run), seen])).hexdigest()


def require_selection(build: Build) -> None:
    """Make sure that there is something to ask about.

    Raises:
        RunDirectoryError: no images were selected yet.
    """
    _require(load_selection(build.run.selection) is not None, build, Stage.GENERATE, Stage.SELECT)


def _require(done: bool, build: Build, stage: Stage, earlier: Stage) -> None:  # noqa: FBT001 - reads as a sentence
    if not done:
        raise RunDirectoryError(
            f"{build.run.path}: {stage} needs the stage before it", f"run imagenet-think {earlier} first"
        )
