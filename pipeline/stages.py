"""The stages of a build, each on its run directory: do what is missing, leave what is done.

These are plain functions. The flows call them; so may anyone who wants a build without an orchestrator.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from pipeline.engines import check_engine
from pipeline.files import write_atomic
from pipeline.generation import GenerationJob, TeacherSetup, generate_pairs, read_results, set_up_teachers
from pipeline.packing import PackInputs, pack
from pipeline.packing.sidecars import MANIFEST_FILE
from pipeline.progress import Progress, Silent
from pipeline.publishing.verify import VerifyReport, verify_dataset
from pipeline.rundir import RunDirectory, check_run, open_run
from pipeline.selection import REJECTIONS_FILE as SELECTION_REJECTIONS
from pipeline.selection import SELECTION_FILE, load_selection, select_images
from pipeline.selection.candidates import judge_class
from pipeline.selection.splits import judge_holdout
from pipeline.sources import build_index, load_summary, open_source, read_index
from pipeline.sources.base import Source
from pipeline.sources.index import REJECTIONS as INDEX_REJECTIONS
from pipeline.sources.index import IndexSummary
from pipeline.taxonomy import Taxonomy, load_taxonomy
from schemas.base import Contract, canonical_json
from schemas.config import BuildConfig
from schemas.errors import DatasetError, RunDirectoryError
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
    """

    config: BuildConfig
    run: RunDirectory
    progress: Progress

    @cached_property
    def source(self) -> Source:
        """The user's copy of ImageNet-21k."""
        return open_source(self.config.source)

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
            ConfigError: an unknown teacher, prompt, engine factory or synset.
            SourceError: no images where they should be.
        """
        _ = self.source
        for setup in self.teachers:
            check_engine(setup.config.engine, setup.spec, setup.sampling)
        judge_class(self.taxonomy, self.config.selection)
        judge_holdout(self.taxonomy, self.config.selection.holdout, self.config.seed)

    def job(self, setup: TeacherSetup) -> GenerationJob:
        """One teacher's part of the generation stage."""
        selection = self.run.selection / SELECTION_FILE
        return GenerationJob(setup, self.config, selection, self.run.ledger, self.source, self.taxonomy, self.progress)


def open_build(config: BuildConfig, run_dir: Path, progress: Progress | None = None) -> Build:
    """Open (or make) a run directory for a configuration, once everything that is cheap to check was found in order.

    Raises:
        ConfigError: an unknown teacher, prompt or synset.
        SourceError: no images where they should be.
        RunDirectoryError: it belongs to another configuration.
    """
    build = Build(config, check_run(run_dir, config), progress or Silent())
    build.check()
    open_run(run_dir, config)
    return build


def index(build: Build) -> IndexSummary:
    """List what the source holds, unless that was done."""
    done = load_summary(build.run.index)
    if done is not None:
        return done
    began = time.monotonic()
    summary = build_index(build.source, build.run.index, build.progress)
    _note_time(build, Stage.INDEX, began)
    return summary


def select(build: Build) -> SelectionManifest:
    """Draw the images, unless that was done.

    Raises:
        RunDirectoryError: the source was not indexed yet.
    """
    done = load_selection(build.run.selection)
    if done is not None:
        return done
    _require(load_summary(build.run.index) is not None, build, Stage.SELECT, Stage.INDEX)
    began = time.monotonic()
    table = read_index(build.run.index)
    manifest = select_images(table, build.source, build.config, build.taxonomy, build.run.selection, build.progress)
    _note_time(build, Stage.SELECT, began)
    return manifest


def generate(build: Build, teacher: str) -> None:
    """Ask one teacher about every image that the ledger does not settle yet.

    Raises:
        RunDirectoryError: no images were selected yet.
    """
    _require(load_selection(build.run.selection) is not None, build, Stage.GENERATE, Stage.SELECT)
    setup = next(setup for setup in build.teachers if setup.name == teacher)
    report = generate_pairs(build.job(setup))
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


def write_report(run: RunDirectory, name: str, report: Contract) -> None:
    """Keep a small report beside the data."""
    write_atomic(run.reports / f"{name}.json", canonical_json(report.model_dump(mode="json")))


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


def _require(done: bool, build: Build, stage: Stage, earlier: Stage) -> None:  # noqa: FBT001 - reads as a sentence
    if not done:
        raise RunDirectoryError(
            f"{build.run.path}: {stage} needs the stage before it", f"run imagenet-think {earlier} first"
        )
