"""BERTScore is that of the authors' package and of torchmetrics where they work, and goes on where they cut."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest

from eval.metrics.base import Seen
from eval.metrics.embeddings import open_bertscore
from eval.metrics.embeddings.bertscore import Vectors
from schemas.errors import ConfigError
from tests.evaluation.models import WINDOW

pytestmark = pytest.mark.evaluation

OWN = WINDOW - 2
SHORT = [
    "A small dog is on the grass.",
    "The cat, not a dog",
    "  red tree \n",
    "犬 の 猫 一",
    "Собака на траве",
    "walking",
    "the the the the",
    "it is " * (OWN // 2),
]
"""Texts that fit the window; the last one fills it."""

LONG = "The small dog is on the grass, the cat in a tree. " * 12


def compare(metric: Any, one: str, other: str) -> float:
    (value,) = metric.compare(*metric.prepare("thinking", [one, other]))
    return float(value)


def by_bert_score(model: str, layer: int, ones: list[str], others: list[str]) -> list[float]:
    import bert_score  # noqa: PLC0415 - not in the core installation

    scores = bert_score.score(ones, others, model_type=model, num_layers=layer, nthreads=0, batch_size=1)
    return [float(value) for value in scores[2]]


def by_torchmetrics(model: str, layer: int, ones: list[str], others: list[str]) -> list[float]:
    from torchmetrics.functional.text.bert import bert_score  # noqa: PLC0415 - not in the core installation

    pairs = zip(ones, others, strict=True)
    scores = [
        bert_score([one], [other], model_name_or_path=model, num_layers=layer, max_length=WINDOW, truncation=True)["f1"]
        for one, other in pairs
    ]
    return [float(value) for value in scores]


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_texts_that_fit_score_as_with_bert_score_and_torchmetrics(bert: str, layer: int) -> None:
    ones, others = (list(side) for side in zip(*itertools.combinations_with_replacement(SHORT, 2), strict=True))
    metric = open_bertscore(bert, layer=layer)
    prepared = dict(zip(SHORT, metric.prepare("answer", SHORT), strict=True))
    ours = [metric.compare(prepared[one], prepared[other])[0] for one, other in zip(ones, others, strict=True)]
    assert ours == pytest.approx(by_bert_score(bert, layer, ones, others), abs=1e-6)
    assert ours == pytest.approx(by_torchmetrics(bert, layer, ones, others), abs=1e-6)
    assert len({round(value, 3) for value in ours}) > len(SHORT)


def test_roberta_scores_as_with_bert_score(roberta: str) -> None:
    texts = [text for text in SHORT if len(text.encode()) < OWN]
    ones, others = (list(side) for side in zip(*itertools.product(texts, repeat=2), strict=True))
    metric = open_bertscore(roberta, layer=1)
    ours = [compare(metric, one, other) for one, other in zip(ones, others, strict=True)]
    assert ours == pytest.approx(by_bert_score(roberta, 1, ones, others), abs=1e-6)


def test_the_end_of_a_long_text_counts_where_the_packages_cut_it(bert: str) -> None:
    metric = open_bertscore(bert, layer=2)
    reference, extended = LONG, LONG + "no bird of brown fur " * 20
    assert by_bert_score(bert, 2, [extended], [reference]) == by_bert_score(bert, 2, [reference], [reference])
    assert compare(metric, reference, reference) == pytest.approx(1, abs=1e-6)
    assert compare(metric, extended, reference) < 0.9999


def test_one_token_past_the_window_moves_the_score_little(bert: str) -> None:
    metric = open_bertscore(bert, layer=2)
    full = ("the dog is red " * OWN).split()
    fits, longer = " ".join(full[:OWN]), " ".join(full[: OWN + 1])
    other = "a cat is not on the small tree"
    assert compare(metric, longer, other) == pytest.approx(compare(metric, fits, other), abs=0.02)


def test_coverage_tells_what_a_cut_would_have_left_out(bert: str) -> None:
    metric = open_bertscore(bert, layer=2)
    long, fits, empty = metric.prepare("thinking", ["the dog is red " * 50, "the dog", " \n"])
    assert metric.see(long) == (OWN, 200, 200, OWN)
    assert metric.see(fits) == (OWN, 2, 2, 2)
    assert metric.see(empty) == (OWN, 0, 0, 0)


@pytest.mark.parametrize("other", ["", "  \n", "the dog", LONG])
def test_a_text_without_words_is_unlike_every_text(bert: str, other: str) -> None:
    metric = open_bertscore(bert, layer=2)
    assert compare(metric, "", other) == compare(metric, other, " ") == 0


def test_texts_that_are_opposite_are_unlike_where_the_packages_divide_by_almost_nothing(bert: str) -> None:
    import torch  # noqa: PLC0415 - not in the core installation

    one, other = (
        Vectors(torch.tensor([[1.0, 0.0], [0.0, sign]]), torch.tensor([0, 1]), Seen(OWN, 2, 2, 2)) for sign in (1, -1)
    )
    opposite = Vectors(-one.units, one.counted, one.seen)
    metric = open_bertscore(bert, layer=2)
    assert metric.compare(one, other) == (0.5,)
    assert metric.compare(one, opposite) == (0.0,)


def test_special_tokens_written_in_a_text_do_not_count(bert: str) -> None:
    metric = open_bertscore(bert, layer=2)
    assert compare(metric, "[SEP]", "the dog") == 0
    written = ["the dog [SEP] is red"], ["a dog is red"]
    assert [compare(metric, written[0][0], written[1][0])] == pytest.approx(by_bert_score(bert, 2, *written), abs=1e-6)


def test_which_text_comes_first_does_not_matter(bert: str) -> None:
    metric = open_bertscore(bert, layer=2)
    for one, other in itertools.combinations([*SHORT, LONG], 2):
        assert compare(metric, one, other) == pytest.approx(compare(metric, other, one), abs=1e-6)


def test_a_text_s_value_does_not_depend_on_what_is_prepared_with_it(bert: str) -> None:
    metric = open_bertscore(bert, layer=2)
    together = dict(zip([*SHORT, LONG], metric.prepare("answer", [*SHORT, LONG]), strict=True))
    for text in SHORT:
        assert compare(metric, text, LONG) == pytest.approx(metric.compare(together[text], together[LONG])[0], abs=1e-6)


def test_a_text_of_ten_thousand_tokens_is_matched_in_blocks(bert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = open_bertscore(bert, layer=2)
    prepared = metric.prepare("thinking", ["the dog is red " * 2500, LONG])
    assert metric.see(prepared[0]).scored == 10_000
    value = metric.compare(*prepared)
    monkeypatch.setattr("eval.metrics.embeddings.bertscore.BLOCK_ROWS", 1 << 20)
    assert metric.compare(*prepared) == pytest.approx(value, abs=1e-6)


def test_the_definition_holds_wherever_the_model_lies_and_changes_with_it(bert: str, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "bert")
    here, there = (open_bertscore(str(model), layer=2).definitions for model in (bert, copy))
    assert here == there
    assert open_bertscore(bert, layer=3).definitions != here
    import torch  # noqa: PLC0415 - not in the core installation
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - not in the core installation

    weights = load_file(copy / "model.safetensors")
    weights["bert.encoder.layer.1.output.dense.bias"] += torch.tensor(1e-3)
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    assert open_bertscore(str(copy), layer=2).definitions != here


def test_a_known_model_has_its_layer_and_an_unknown_one_must_be_given_one(bert: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="#3'"):
        open_bertscore(bert)
    with pytest.raises(ConfigError, match="has 3 layers, not 4"):
        open_bertscore(bert, layer=4)
    with pytest.raises(ConfigError, match="has 3 layers, not 17"):
        open_bertscore(str(shutil.copytree(bert, tmp_path / "roberta-large")))


def test_a_model_that_is_not_there_or_damaged_is_told_in_one_line(bert: str, tmp_path: Path) -> None:
    cut = shutil.copytree(bert, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:1000])
    mute = shutil.copytree(bert, tmp_path / "mute")
    (mute / "tokenizer.json").unlink()
    for model in (str(cut), str(mute), str(tmp_path), "nobody/nothing"):
        with pytest.raises(ConfigError, match="cannot be loaded") as caught:
            open_bertscore(model, layer=1)
        assert model in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_checkpoint_that_lacks_weights_is_refused(bert: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 - not in the core installation

    copy = shutil.copytree(bert, tmp_path / "bert")
    weights = load_file(copy / "model.safetensors")
    del weights["bert.encoder.layer.0.output.dense.weight"]
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"has no weights encoder.layer.0.output"):
        open_bertscore(str(copy), layer=2)


def test_a_model_s_own_code_is_never_run(bert: str, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "bert")
    (copy / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoConfig": "own.Config"}}')
    (copy / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        open_bertscore(str(copy), layer=2)
    assert not (tmp_path / "ran").exists()
