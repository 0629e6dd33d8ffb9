"""The cosine of sentence embeddings is that of sentence-transformers where it works, and goes on where it cuts."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval.metrics.embeddings import open_sbert
from schemas.errors import ConfigError
from tests.evaluation.models import WINDOW

pytestmark = pytest.mark.evaluation

OWN = WINDOW - 2
SHORT = [
    "A small dog is on the grass.",
    "The cat, not a dog",
    " red tree \n",
    "犬 の 猫",
    "Собака",
    "it is " * (OWN // 2),
]
"""Texts that fit the window; the last one fills it."""

LONG = "The small dog is on the grass, the cat in a tree. " * 12


def compare(metric: Any, one: str, other: str) -> float:
    (value,) = metric.compare(*metric.prepare("thinking", [one, other]))
    return float(value)


def encode(model: str, texts: list[str]) -> Any:
    import sentence_transformers  # noqa: PLC0415 - not in the core installation

    return sentence_transformers.SentenceTransformer(model, device="cpu").encode(texts, normalize_embeddings=True)


def test_texts_that_fit_have_the_cosine_of_sentence_transformers(sentence_model: str) -> None:
    metric = open_sbert(sentence_model)
    prepared = metric.prepare("answer", SHORT)
    vectors = encode(sentence_model, SHORT).astype(np.float64)
    for one, other in itertools.product(range(len(SHORT)), repeat=2):
        (value,) = metric.compare(prepared[one], prepared[other])
        assert value == pytest.approx(vectors[one] @ vectors[other], abs=1e-6)


def test_the_end_of_a_long_text_counts_where_the_package_cuts_it(sentence_model: str) -> None:
    metric = open_sbert(sentence_model)
    extended = LONG + "no bird of brown fur " * 20
    cut = encode(sentence_model, [LONG, extended])
    assert np.array_equal(cut[0], cut[1])
    assert compare(metric, LONG, LONG) == pytest.approx(1, abs=1e-6)
    assert compare(metric, extended, LONG) < 0.9999


def test_a_long_text_is_the_mean_of_its_windows_by_their_tokens(sentence_model: str) -> None:
    words = ("the dog is red " * OWN).split()[:70]
    windows = [" ".join(words[start : start + OWN]) for start in range(0, len(words), OWN)]
    mean = sum(
        len(window.split()) * vector for window, vector in zip(windows, encode(sentence_model, windows), strict=True)
    )
    other = encode(sentence_model, SHORT[:1])[0]
    expected = float(mean @ other / np.linalg.norm(mean))
    assert compare(open_sbert(sentence_model), " ".join(words), SHORT[0]) == pytest.approx(expected, abs=1e-6)


def test_coverage_tells_what_a_cut_would_have_left_out(sentence_model: str) -> None:
    metric = open_sbert(sentence_model)
    long, fits, empty = metric.prepare("thinking", ["the dog is red " * 50, "the dog", " \n"])
    assert metric.see(long) == (OWN, 200, 200, OWN)
    assert metric.see(fits) == (OWN, 2, 2, 2)
    assert metric.see(empty) == (OWN, 0, 0, 0)


@pytest.mark.parametrize("other", ["", "  \n", "the dog", LONG])
def test_a_text_without_words_is_unlike_every_text(sentence_model: str, other: str) -> None:
    metric = open_sbert(sentence_model)
    assert compare(metric, "", other) == compare(metric, other, " ") == 0


def test_the_same_texts_have_the_same_value(sentence_model: str) -> None:
    first, second = (compare(open_sbert(sentence_model), LONG, SHORT[0]) for _ in range(2))
    assert first == second


def test_the_definition_holds_wherever_the_model_lies(sentence_model: str, tmp_path: Path) -> None:
    copy = shutil.copytree(sentence_model, tmp_path / Path(sentence_model).name)
    assert open_sbert(str(copy)).definitions == open_sbert(sentence_model).definitions


def test_a_model_that_wants_a_prompt_is_refused(sentence_model: str, tmp_path: Path) -> None:
    copy = shutil.copytree(sentence_model, tmp_path / "model")
    config = copy / "config_sentence_transformers.json"
    said = json.loads(config.read_text()) | {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    config.write_text(json.dumps(said))
    with pytest.raises(ConfigError, match="wants a prompt"):
        open_sbert(str(copy))


def test_a_model_that_is_not_there_or_damaged_is_told_in_one_line(sentence_model: str, tmp_path: Path) -> None:
    cut = shutil.copytree(sentence_model, tmp_path / "cut")
    weights = next(cut.rglob("model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:1000])
    for model in (str(cut), str(tmp_path), "nobody/nothing"):
        with pytest.raises(ConfigError, match="cannot be loaded") as caught:
            open_sbert(model)
        assert model in str(caught.value)
        assert "\n" not in str(caught.value)
