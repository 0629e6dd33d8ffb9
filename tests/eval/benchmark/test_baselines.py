"""Baselines say what they say of every item, from their own source alone."""

from __future__ import annotations

import json
from pathlib import Path

from eval.benchmark.baselines import describe_pixels, label_only, write_baseline
from pipeline.taxonomy import load_taxonomy
from tests.eval.world import make_item
from tests.pipeline.packing.world import make_jpeg


def test_the_label_alone_gives_two_texts_for_every_class() -> None:
    taxonomy, item = load_taxonomy(), make_item(0)
    for synset in map(taxonomy.__getitem__, taxonomy):
        named = item.model_copy(update={"lemmas": synset.lemmas, "definition": synset.definition, "hypernyms": ()})
        thinking, answer = label_only(named)
        assert synset.lemmas[0] in thinking
        assert synset.lemmas[0] in answer
        assert "  " not in thinking + answer


def test_the_label_alone_knows_neither_picture_nor_references() -> None:
    one = make_item(0)
    other = one.model_copy(update={"image": None, "references": make_item(5).references, "stratum": "high"})
    assert label_only(one) == label_only(other)


def test_the_same_pixels_are_described_in_the_same_words() -> None:
    assert describe_pixels(make_jpeg(1, (64, 48))) == describe_pixels(make_jpeg(1, (64, 48)))
    assert all(describe_pixels(make_jpeg(1, (64, 48))))


def test_a_baseline_is_a_file_of_predictions(tmp_path: Path) -> None:
    write_baseline(tmp_path / "new" / "p.jsonl", [("n01440764_1", 'a "tench"\n', "魚")])
    (line,) = (tmp_path / "new" / "p.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line) == {"key": "n01440764_1", "thinking": 'a "tench"\n', "answer": "魚"}
