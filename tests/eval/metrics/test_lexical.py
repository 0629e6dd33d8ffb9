"""The five lexical metrics give what the packages give that define them, and are exactly symmetric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import Tokenizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import jaccard_score
from sklearn.metrics.pairwise import cosine_similarity

from eval.metrics.lexical import Lexical
from eval.metrics.tfidf import fit_table, read_weights, write_tables
from eval.metrics.tokens import tokenize
from schemas.errors import DatasetError

REFERENCES = (
    "A brown dog runs over the grass, and the dog looks happy.",
    "The user wants a description. I see a dog, maybe a terrier, on grass.",
    "一只狗在草地上。A dog on grass.",
    "Собака бежит по траве",
)
"""What the vocabulary is fitted on."""
WORDS = tuple(sorted({word for text in REFERENCES for word in tokenize(text)} | {"zebra", "quagga", "ёж"}))
TEXTS = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
"""Long enough for common subsequences with gaps, of few words so that they repeat; some unknown to the vocabulary."""
KNOWN = frozenset(fit_table(REFERENCES).counts)
SAME = pytest.approx


class OurWords(Tokenizer):  # type: ignore[misc]  # the package has no types
    """Has rouge-score count the words that we do."""

    def tokenize(self, text: str) -> list[str]:
        return tokenize(text)


LEXICAL = Lexical({"thinking": {}, "answer": fit_table(REFERENCES).idf})
VECTORIZER = TfidfVectorizer(tokenizer=tokenize, token_pattern=None, lowercase=False).fit(REFERENCES)
ROUGE = RougeScorer(["rouge1", "rougeL"], tokenizer=OurWords())


def liken(one: str, other: str) -> dict[str, float]:
    return dict(zip(LEXICAL.metrics, LEXICAL.compare(*LEXICAL.prepare("answer", [one, other])), strict=True))


def cosine(one: str, other: str) -> float:
    return float(cosine_similarity(*map(VECTORIZER.transform, ([one], [other])))[0, 0])


@given(st.text(st.characters(max_codepoint=127)), st.text(st.characters(max_codepoint=127)))
def test_rouge_of_ascii_text_is_that_of_rouge_score_as_it_is(one: str, other: str) -> None:
    theirs = RougeScorer(["rouge1", "rougeL"], use_stemmer=False).score(one, other)
    ours = liken(one, other)
    for metric in ("rouge1", "rougeL"):
        assert ours[metric] == SAME(theirs[metric].fmeasure, abs=1e-6)


@given(TEXTS, TEXTS)
def test_rouge_of_any_script_is_that_of_rouge_score_with_our_words(one: str, other: str) -> None:
    theirs = ROUGE.score(one, other)
    ours = liken(one, other)
    for metric in ("rouge1", "rougeL"):
        assert ours[metric] == SAME(theirs[metric].fmeasure, abs=1e-6)


@given(TEXTS, TEXTS)
def test_tfidf_is_the_cosine_of_scikit_learns_vectors(one: str, other: str) -> None:
    assert liken(one, other)["tfidf"] == SAME(cosine(one, other), abs=1e-6)


@given(TEXTS, TEXTS)
def test_jaccard_is_scikit_learns_over_the_words_that_either_text_holds(one: str, other: str) -> None:
    sets = [set(tokenize(text)) for text in (one, other)]
    flags = [[word in words for word in WORDS] for words in sets]
    assert liken(one, other)["jaccard"] == SAME(jaccard_score(*flags, zero_division=0.0), abs=1e-6)


def test_the_overlap_coefficient_is_1_where_one_text_holds_all_words_of_the_other() -> None:
    assert liken("a dog", "a brown dog runs")["overlap"] == 1.0
    assert liken("a dog sleeps", "a brown dog runs")["overlap"] == 2 / 3


@given(TEXTS, TEXTS)
def test_every_metric_is_exactly_symmetric_and_between_0_and_1(one: str, other: str) -> None:
    first, second = LEXICAL.prepare("answer", [one, other])
    values = LEXICAL.compare(first, second)
    assert values == LEXICAL.compare(second, first)
    assert all(0.0 <= value <= 1.0 for value in values)


@given(TEXTS.filter(lambda text: any(word in KNOWN for word in text.split())))
def test_a_text_is_exactly_like_itself(text: str) -> None:
    assert set(liken(text, text).values()) == {1.0}


@pytest.mark.parametrize("one", ["", " \n", "?!", "🐕", "❤\ufe0f"])
@pytest.mark.parametrize("other", ["", "a dog", "狗"])
def test_a_text_without_words_is_like_no_text_not_even_itself(one: str, other: str) -> None:
    assert set(liken(one, other).values()) == {0.0}
    assert set(liken(other, one).values()) == {0.0}


def test_texts_whose_words_no_reference_holds_have_no_tfidf_but_the_rest() -> None:
    assert liken("quagga zebra", "quagga zebra") == {
        "rouge1": 1.0,
        "rougeL": 1.0,
        "jaccard": 1.0,
        "overlap": 1.0,
        "tfidf": 0.0,
    }


def test_order_counts_for_rouge_l_alone() -> None:
    values = liken("dog a grass", "grass a dog")
    assert values.pop("rougeL") == 1 / 3
    assert set(values.values()) == {1.0}


def test_every_script_is_compared() -> None:
    values = liken("一只狗", "两只狗")
    assert values["rouge1"] == values["rougeL"] == 2 / 3
    assert liken("собака", "Собака!")["rouge1"] == 1.0


def test_a_kind_of_text_is_weighed_by_its_own_table() -> None:
    lexical = Lexical({"thinking": {"a": 1.0}, "answer": {"a": 1.0, "b": 2.0}})
    thinking = lexical.compare(*lexical.prepare("thinking", ["a b", "a c"]))
    answer = lexical.compare(*lexical.prepare("answer", ["a b", "a c"]))
    assert thinking[-1] == 1.0
    assert answer[-1] == SAME(1 / math.sqrt(5))


def test_each_metric_is_defined_and_sees_all_of_a_text() -> None:
    assert tuple(LEXICAL.definitions) == LEXICAL.metrics
    assert LEXICAL.see(LEXICAL.prepare("answer", ["a dog"])[0]) is None


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_weights_are_scikit_learns(texts: Sequence[str]) -> None:
    table = fit_table([*texts, "dog"])  # scikit-learn refuses an empty vocabulary
    vectorizer = TfidfVectorizer(tokenizer=tokenize, token_pattern=None, lowercase=False).fit([*texts, "dog"])
    assert table.idf == SAME(dict(zip(vectorizer.get_feature_names_out(), vectorizer.idf_, strict=True)), abs=1e-6)


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "tfidf.parquet"
    tables = {"thinking": fit_table(REFERENCES), "answer": fit_table(REFERENCES[2:])}
    write_tables(path, tables)  # type: ignore[arg-type]  # the keys are literals of TextField
    assert read_weights(path) == {field: table.idf for field, table in tables.items()}


def test_damaged_weights_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "tfidf.parquet"
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(DatasetError, match=r"tfidf\.parquet"):
        read_weights(path)
