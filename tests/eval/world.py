"""A small benchmark, written by hand: five classes, three levels, two teachers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from eval.benchmark.storage import TFIDF_FILE, Benchmark, data_paths, open_benchmark, write_items
from eval.metrics.tfidf import fit_table, write_tables
from eval.metrics.tokens import TOKENIZER_VERSION
from pipeline.files import sha256_of, write_atomic
from pipeline.taxonomy import load_taxonomy
from schemas.benchmark import (
    BENCHMARK_VERSION,
    LEVELS,
    TEXT_FIELDS,
    BenchmarkItem,
    BenchmarkManifest,
    Hypernym,
    Picture,
    Reference,
    ReferenceWriter,
)
from schemas.image import Stratum
from schemas.manifest import PromptEntry
from tests.pipeline.packing.world import make_jpeg

GLM, KIMI = "glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506"
TEACHERS = (GLM, KIMI)
CLASSES = ("n01440764", "n02104280", "n02123045", "n03791053", "n07753592")
"""Tench, housedog, tabby, motor scooter, banana."""
STRATA: tuple[Stratum, ...] = ("low", "middle", "high")


def make_item(number: int, *, picture: bool = True, texts: Sequence[tuple[str, str]] | None = None) -> BenchmarkItem:
    """An item of another class, level and stratum for every number.

    Args:
        number: names it.
        picture: whether it holds its photograph.
        texts: thinking and answer of each teacher; what names the class and little more when left out.
    """
    taxonomy = load_taxonomy()
    synset = taxonomy[CLASSES[number % len(CLASSES)]]
    parent = taxonomy[synset.parents[0]]
    lemma = synset.lemmas[0]
    texts = texts or (
        (f"Got it, let me look at picture {number}. I see a {lemma}.", f"A {lemma} in picture {number}."),
        (f"The user shows picture {number}. It may be a {lemma}.", f"This is a {lemma}, seen in picture {number}."),
    )
    jpeg = make_jpeg(number, (64, 48))
    key = f"{synset.wnid}_{number}"
    return BenchmarkItem(
        key=key,
        image=Picture(bytes=jpeg, path=f"{key}.jpg") if picture else None,
        image_sha256=hashlib.sha256(jpeg).hexdigest(),
        width=64,
        height=48,
        prompt="Describe this image.",
        wnid=synset.wnid,
        lemmas=synset.lemmas,
        definition=synset.definition,
        hypernyms=(Hypernym(wnid=parent.wnid, lemmas=parent.lemmas, steps=1),),
        domain=synset.domain,
        depth=synset.depth,
        level=LEVELS[number % 3],
        stratum=STRATA[number // 3 % 3],
        complexity=1.5,
        phash=f"{number:016x}",
        references=tuple(
            Reference(teacher=teacher, thinking=thinking, answer=answer)
            for teacher, (thinking, answer) in zip(TEACHERS, texts, strict=True)
        ),
    )


def write_benchmark(root: Path, items: Sequence[BenchmarkItem], *, engine: str = "vllm") -> Benchmark:
    """Lay a benchmark out as the builder does: items, word counts, baselines, manifest. No card, no leak report."""
    items = sorted(items, key=lambda item: item.key)
    write_items(root, items, len(items))
    tables = {
        field: fit_table(getattr(reference, field) for item in items for reference in item.references)
        for field in TEXT_FIELDS
    }
    write_tables(root / TFIDF_FILE, tables)
    baselines = {
        "pixels": [("Light and shade, measured.", "A picture of middling brightness.") for _ in items],
        "label-only": [(f"It is a {item.lemmas[0]}.", f"A {item.lemmas[0]}: {item.definition}.") for item in items],
    }
    paths = [*data_paths(len(items)), TFIDF_FILE]
    for name, texts in baselines.items():
        lines = (
            json.dumps({"key": item.key, "thinking": thinking, "answer": answer}) + "\n"
            for item, (thinking, answer) in zip(items, texts, strict=True)
        )
        paths.append(f"baselines/{name}.jsonl")
        write_atomic(root / paths[-1], "".join(lines).encode())
    text = items[0].prompt
    manifest = BenchmarkManifest(
        name="small",
        benchmark_version=BENCHMARK_VERSION,
        dataset="small-dataset",
        dataset_sha256="1" * 64,
        seed=0,
        available=len(items),
        items=len(items),
        items_by_level=dict(sorted(Counter(item.level for item in items).items())),
        items_by_domain=dict(sorted(Counter(item.domain for item in items).items())),
        items_by_stratum=dict(sorted(Counter(item.stratum for item in items).items())),
        pictures=all(item.image is not None for item in items),
        prompt=PromptEntry(
            id="short", sha256=hashlib.sha256(text.encode()).hexdigest(), language="en", text=text, label_shown=False
        ),
        references=tuple(
            ReferenceWriter(
                teacher=name, model=f"lab/{name}", revision="main", engine=engine, fingerprint=f"{number:016x}"
            )
            for number, name in enumerate(TEACHERS)
        ),
        tokenizer=TOKENIZER_VERSION,
        documents={field: table.documents for field, table in tables.items()},
        collection="noise",
        picture_licence="none",
        files={path: sha256_of(root / path) for path in sorted(paths)},
    ).signed()
    write_atomic(root / "benchmark.json", manifest.model_dump_json().encode())
    return open_benchmark(root)


def make_benchmark(root: Path, count: int = 12, *, engine: str = "vllm") -> Benchmark:
    """A benchmark of ``count`` items."""
    return write_benchmark(root, [make_item(number) for number in range(count)], engine=engine)
