"""From a finished dataset to a benchmark: survey, draw, proof that nothing leaks, and only then the first byte."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.benchmark.baselines import LABEL_ONLY, PIXELS, label_only, open_baseline
from eval.benchmark.card import CARD_FILE, render_card
from eval.benchmark.draw import SEED, draw
from eval.benchmark.folder import IMAGENET_FILE, SUMS_FILE, WORDNET_FILE, check_place, cleared
from eval.benchmark.items import Made, make_items
from eval.benchmark.leaks import report_leaks
from eval.benchmark.storage import (
    BASELINES_DIRECTORY,
    LEAKS_FILE,
    MANIFEST_FILE,
    TFIDF_FILE,
    data_paths,
    read_items,
    write_items,
)
from eval.benchmark.survey import SHOWN_LABEL, Candidate, survey
from eval.metrics.tfidf import TfidfTable, fit_table, write_tables
from eval.metrics.tokens import TOKENIZER_VERSION
from pipeline.files import sha256_of, write_atomic
from pipeline.packed import PackedDataset, open_dataset
from pipeline.packing.terms import read_imagenet_terms
from pipeline.progress import Progress
from pipeline.taxonomy import load_taxonomy, read_wordnet_licence
from schemas.base import Contract
from schemas.benchmark import (
    BENCHMARK_VERSION,
    TEXT_FIELDS,
    BenchmarkItem,
    BenchmarkManifest,
    LeakReport,
    ReferenceWriter,
    TextField,
)
from schemas.config import BenchmarkConfig, ScreeningConfig
from schemas.errors import DatasetError


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """What is to be built, and what the dataset's records do not tell."""

    size: int = BenchmarkConfig().size
    """Items to draw."""
    subtrees: tuple[str, ...] = ()
    """Roots of the WordNet subtrees that the dataset's configuration held out whole."""
    near_duplicate_bits: int = ScreeningConfig().near_duplicate_bits
    """By which the dataset kept near-duplicates together."""
    pictures: bool = True
    """Whether items hold their photographs."""
    workers: int | None = None
    """Processes, 0 for one per core; as many as are worth starting when ``None``. They change no byte."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be built: drawn, and proven free of leaks."""

    dataset: PackedDataset
    available: int
    """Images of the benchmark split."""
    drawn: tuple[Candidate, ...]
    leaks: LeakReport

    def count(self, key: Callable[[Candidate], str]) -> dict[str, int]:
        """Items by some property, in the order of its names."""
        return dict(sorted(Counter(map(key, self.drawn)).items()))

    @property
    def by_level(self) -> dict[str, int]:
        """Items by level."""
        return self.count(lambda item: item.level)

    @property
    def by_domain(self) -> dict[str, int]:
        """Items by domain."""
        return self.count(lambda item: item.domain)

    @property
    def by_stratum(self) -> dict[str, int]:
        """Items by tercile of complexity."""
        return self.count(lambda item: item.stratum)


def plan_benchmark(dataset: Path, options: BenchmarkOptions, progress: Progress) -> Plan:
    """Read all records, draw the items, and compare them with train. Nothing is written.

    Raises:
        ConfigError: a held-out root is missing or unknown.
        DatasetError: the dataset is missing or damaged, cannot be a benchmark's source, or its splits leak.
    """
    return _plan(open_dataset(dataset), options, progress)


def build_benchmark(dataset: Path, out: Path, options: BenchmarkOptions, progress: Progress) -> BenchmarkManifest:
    """Build the benchmark of a dataset in a folder.

    A pure function of dataset and options: neither workers nor interruptions change a byte. The manifest is taken away
    first and written last, so that its presence says that the rest is whole.

    Args:
        dataset: a packed dataset.
        out: a folder that is new, empty, or holds a benchmark of this dataset, perhaps unfinished.
        options: what to build.
        progress: told of images and items.

    Raises:
        ConfigError: ``out`` holds something else, or see :func:`plan_benchmark`.
        DatasetError: see :func:`plan_benchmark`.
        OSError: the disk is full.
    """
    source = open_dataset(dataset)
    check_place(out, dataset, source.manifest.sha256)
    plan = _plan(source, options, progress)
    _warn(plan, options, progress)
    with cleared(out):
        return _write(plan, out, options, progress)


def _plan(dataset: PackedDataset, options: BenchmarkOptions, progress: Progress) -> Plan:
    _check_dataset(dataset, options)
    found = survey(dataset, progress, options.workers)
    drawn = draw(found.candidates, options.size)
    with progress.task("compare with train", 1, "steps") as task:
        leaks = report_leaks(drawn, found.train, options.subtrees, options.near_duplicate_bits, load_taxonomy())
        task.advance()
    return Plan(dataset, len(found.candidates), tuple(drawn), leaks)


def _check_dataset(dataset: PackedDataset, options: BenchmarkOptions) -> None:
    root, manifest = dataset.root, dataset.manifest
    if "benchmark" not in dataset.splits:
        raise DatasetError(f"{root}: has no benchmark split", "hold something out: selection.holdout")
    if manifest.prompt.label_shown:
        raise DatasetError(f"{root}: its prompt, {manifest.prompt.id}, tells the class", SHOWN_LABEL)
    if manifest.edition != "pictures" and options.pictures:
        raise DatasetError(
            f"{root}: has no pictures",
            f"put them back (imagenet-think rejoin {root} --source ...), or build with --without-pictures",
        )


def _warn(plan: Plan, options: BenchmarkOptions, progress: Progress) -> None:
    if plan.available < options.size:
        progress.warn(f"{options.size:,} items were asked for; the benchmark split has {plan.available:,}, all taken")
    teachers = plan.dataset.manifest.teachers
    if measured := [teacher.name for teacher in teachers if teacher.is_measured]:
        progress.warn(f"the references of {' and '.join(measured)} are measurements by the embedded engine, no model's")
    if len(teachers) < 2:
        progress.warn("there is one teacher, and so no ceiling: references cannot be compared with each other")


def _write(plan: Plan, out: Path, options: BenchmarkOptions, progress: Progress) -> BenchmarkManifest:
    paths = [*_write_items(plan, out, options, progress), LEAKS_FILE, TFIDF_FILE, WORDNET_FILE]
    write_atomic(out / LEAKS_FILE, _render(plan.leaks))
    tables = {field: fit_table(_references(out, len(plan.drawn), field)) for field in TEXT_FIELDS}
    write_tables(out / TFIDF_FILE, tables)
    write_atomic(out / WORDNET_FILE, read_wordnet_licence())
    if options.pictures:
        paths.append(IMAGENET_FILE)
        write_atomic(out / IMAGENET_FILE, read_imagenet_terms().encode())
    files = {path: sha256_of(out / path) for path in sorted(paths)}
    manifest = _describe(plan, options, tables, files)
    card, data = render_card(out, manifest, plan.leaks), _render(manifest)
    digests = {**files, CARD_FILE: _digest(card), MANIFEST_FILE: _digest(data)}
    sums = "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))
    write_atomic(out / CARD_FILE, card)
    write_atomic(out / SUMS_FILE, sums.encode())
    write_atomic(out / MANIFEST_FILE, data)
    return manifest


def _write_items(plan: Plan, out: Path, options: BenchmarkOptions, progress: Progress) -> list[str]:
    """Write the items and, on the way, what the baselines say of each.

    Returns:
        The paths of what was written.
    """
    names = [LABEL_ONLY, *([PIXELS] if plan.dataset.manifest.edition == "pictures" else [])]
    paths = {name: f"{BASELINES_DIRECTORY}/{name}.jsonl" for name in names}
    with contextlib.ExitStack() as files:
        writers = {name: files.enter_context(open_baseline(out / path)) for name, path in paths.items()}

        def split(made: Iterable[Made]) -> Iterator[BenchmarkItem]:
            for item, pixels in made:
                writers[LABEL_ONLY].add(item.key, *label_only(item))
                if pixels is not None:
                    writers[PIXELS].add(item.key, *pixels)
                yield item
                task.advance()

        count = len(plan.drawn)
        task = files.enter_context(progress.task("write", count, "items"))
        made = make_items(plan.dataset, plan.drawn, pictures=options.pictures, workers=options.workers)
        write_items(out, split(made), count)
    return [*data_paths(count), *paths.values()]


def _references(out: Path, items: int, field: TextField) -> Iterator[str]:
    for path in data_paths(items):
        for item in read_items(out / path, pictures=False):
            yield from (getattr(reference, field) for reference in item.references)


def _describe(
    plan: Plan, options: BenchmarkOptions, tables: dict[TextField, TfidfTable], files: dict[str, str]
) -> BenchmarkManifest:
    source = plan.dataset.manifest
    return BenchmarkManifest(
        name=f"{source.name}-benchmark",
        benchmark_version=BENCHMARK_VERSION,
        dataset=source.name,
        dataset_sha256=source.sha256,
        seed=SEED,
        available=plan.available,
        items=len(plan.drawn),
        items_by_level=plan.by_level,
        items_by_domain=plan.by_domain,
        items_by_stratum=plan.by_stratum,
        pictures=options.pictures,
        prompt=source.prompt,
        references=tuple(
            ReferenceWriter(
                teacher=teacher.name,
                model=teacher.identity.model,
                revision=teacher.identity.revision,
                engine=teacher.engine,
                fingerprint=teacher.fingerprint,
            )
            for teacher in source.teachers
        ),
        tokenizer=TOKENIZER_VERSION,
        documents={field: table.documents for field, table in tables.items()},
        collection=source.collection,
        picture_licence=source.picture_licence,
        files=files,
    ).signed()


def _render(contract: Contract) -> bytes:
    return contract.model_dump_json(indent=2).encode() + b"\n"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
