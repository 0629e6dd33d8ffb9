"""A record in words: true, harmless, and folded where it is long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.packed import PackedDataset
from pipeline.showing import agree, describe_image, describe_pair, find_row, fold, harmless, sample
from schemas.record import ThinkRecord
from tests.pipeline.packing.world import HEIGHT, HOUSEDOG, TENCH, WIDTH


def record_of(dataset: PackedDataset, key: str) -> ThinkRecord:
    return find_row(dataset, key).record


@pytest.mark.parametrize(("key", "agreement"), [(f"{TENCH}_0", 1.0), (f"{HOUSEDOG}_1", 0.1667), (f"{TENCH}_2", 0.5)])
def test_agreement_is_the_share_of_common_words_in_the_answers(
    key: str, agreement: float, shown: PackedDataset
) -> None:
    assert agree(record_of(shown, key)) == agreement


def test_one_teacher_agrees_with_nobody(one_teacher: PackedDataset) -> None:
    assert {agree(row.record) for row in sample(one_teacher, None, 3)} == {None}


def test_three_teachers_agree_as_their_pairs_do_on_average(shown: PackedDataset) -> None:
    record = record_of(shown, f"{TENCH}_2")
    third = record.pairs[0].model_copy(update={"teacher": "third"})
    assert agree(record.model_copy(update={"pairs": (*record.pairs, third)})) == round((0.5 + 1 + 0.5) / 3, 4)


def test_all_texts_of_a_record_are_made_harmless_and_nothing_else_changes(shown: PackedDataset) -> None:
    hostile = record_of(shown, f"{TENCH}_10")
    record = hostile.model_copy(update={"definition": "a\x1bb", "lemmas": ("c\x9bd",)})
    safe = harmless(record)
    assert (safe.definition, safe.lemmas) == (r"a\x1bb", (r"c\x9bd",))
    for pair in safe.pairs:
        assert r"\x1b[2J\x1b]0;stolen\x07 [bold red]loud[/] :warning: exe\u202egpj" in pair.answer
        assert "\x1b" not in f"{pair.thinking}{pair.raw}"
    calm = record_of(shown, f"{TENCH}_0")
    assert harmless(calm) == calm


def test_teachers_whose_names_look_the_same_are_shown_nevertheless(shown: PackedDataset) -> None:
    record = record_of(shown, f"{TENCH}_0")
    pairs = (record.pairs[0].model_copy(update={"teacher": name}) for name in ("glm\x1b", r"glm\x1b"))
    safe = harmless(ThinkRecord.model_validate({**record.model_dump(), "pairs": tuple(pairs)}))
    assert [pair.teacher for pair in safe.pairs] == [r"glm\x1b"] * 2


def test_the_facts_are_the_record_s(shown: PackedDataset) -> None:
    row = find_row(shown, f"{TENCH}_10")
    facts = dict(describe_image(row))
    assert facts["picture"].startswith(f"{WIDTH} × {HEIGHT} pixels, JPEG, ")
    assert facts["file here"] == "the source's own file"
    assert facts["weight"] == "stands for 12.5 images of the collection"
    assert facts["held out"] == "yes, by image"
    assert facts["SHA-256"] == row.record.sha256
    pair = dict(describe_pair(row.record.pairs[1]))
    assert pair["outcome"] == "ok, finished by stop"
    assert pair["attempt"] == "2 (new_seed)"
    assert pair["tokens"] == "6 thinking, 3 answer"
    assert pair["model"] == "lab/kimi@main"


def test_what_the_embedded_engine_wrote_is_called_so(shown: PackedDataset) -> None:
    pair = record_of(shown, f"{TENCH}_0").pairs[0].model_copy(update={"engine": "pixels", "forced_close": True})
    facts = dict(describe_pair(pair))
    assert "written by no model" in facts["engine"]
    assert facts["attempt"].endswith("thinking closed by its budget")


@given(st.lists(st.text("abc é", min_size=1).filter(str.strip), max_size=300).map(" \n".join))
def test_a_folded_text_has_its_two_ends_and_counts_what_lies_between(text: str) -> None:
    folded = fold(text)
    assert text.startswith(folded.head)
    assert text.endswith(folded.tail)
    assert len(folded.head) + folded.hidden + len(folded.tail) == len(text)
    assert (folded.hidden == 0) == (folded.head == text)


def test_a_text_is_folded_only_where_that_spares_much() -> None:
    assert fold("word " * 97).hidden == 0
    assert fold("word " * 98).hidden == len(" word" * 33 + " ")


def test_a_text_without_spaces_is_folded_too() -> None:
    folded = fold("写" * 5000)
    assert len(folded.head) + len(folded.tail) < 1600
    assert folded.hidden > 3400
