"""What the voices say: true of the measurements, free of markers, and different from each other."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.engines.pixels import VOICES, Voice, measure, tell, voice_of
from pipeline.engines.pixels.phrases import SHARES, join_words, percent, word_for
from pipeline.teachers import GRAMMARS, load_teachers
from schemas.completion import FinishReason, PairStatus
from tests.pipeline.engines.pixels.claims import check_claims
from tests.pipeline.engines.pixels.pictures import (
    BLACK,
    GREY,
    RED,
    RGB,
    WHITE,
    noise,
    pictures,
    plain,
    with_box,
    with_disc,
)

every_voice = pytest.mark.parametrize("voice", VOICES, ids=lambda voice: voice.name)


def words_on(picture: Image.Image, voice: Voice, seed: int = 0) -> str:
    return "\n\n".join(tell(measure(picture), voice, seed))


@every_voice
@given(picture=pictures(), seed=st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=80)
def test_every_number_in_a_text_is_the_measurement_that_it_claims_to_be(
    voice: Voice, picture: Image.Image, seed: int
) -> None:
    m = measure(picture)
    for text in tell(m, voice, seed):
        check_claims(m, text)


@every_voice
@given(picture=pictures(), seed=st.integers(0, 2**63 - 1))
@settings(deadline=None, max_examples=40)
def test_texts_are_clean_english_of_a_readable_length(voice: Voice, picture: Image.Image, seed: int) -> None:
    thinking, answer = tell(measure(picture), voice, seed)
    assert 150 <= len(thinking.split()) <= 550
    assert 50 <= len(answer.split()) <= 180
    for text in (thinking, answer):
        assert not re.search(r"[<>|◁▷{}]|None|  | [.,;:)]|\(\)|\.\.|,,", text), text
        for part in text.split("\n\n"):
            assert part[0].isupper() or part[0].isdigit()
            assert part[-1] in ".?!"
            assert not re.search(r"[.?!] [a-z]", part), part


@pytest.mark.parametrize("teacher", load_teachers().values(), ids=lambda teacher: teacher.name)
@given(picture=pictures())
@settings(deadline=None, max_examples=20)
def test_each_teachers_grammar_reads_the_text_back_as_a_valid_pair(teacher: object, picture: Image.Image) -> None:
    spec = load_teachers()[getattr(teacher, "name")]  # noqa: B009 - the parameter comes as an object
    thinking, answer = tell(measure(picture), voice_of(spec.name), 0)
    grammar = GRAMMARS[spec.grammar]
    parsed = grammar.parse(grammar.render(thinking, answer), FinishReason.STOP, "en")
    assert (parsed.status, parsed.thinking, parsed.answer) == (PairStatus.OK, thinking, answer)


@every_voice
@pytest.mark.parametrize(
    ("colour", "name"), [(RED, "red"), ((20, 40, 200), "blue"), (BLACK, "black"), (WHITE, "white")]
)
def test_a_picture_of_one_colour_is_called_by_it(voice: Voice, colour: RGB, name: str) -> None:
    thinking, answer = tell(measure(plain(colour)), voice, 0)
    assert name in thinking
    assert name in answer


@every_voice
@pytest.mark.parametrize(
    ("lighter", "half"),
    [((0, 0, 0.5, 1), "left half"), ((0.5, 0, 1, 1), "right half"), ((0, 0, 1, 0.5), "upper half")],
)
def test_the_brighter_half_is_named_in_the_answer(
    voice: Voice, lighter: tuple[float, float, float, float], half: str
) -> None:
    _, answer = tell(measure(with_box(lighter, WHITE, ground=GREY)), voice, 0)
    assert re.findall(r"\w+ half", answer) == [half]


@every_voice
@pytest.mark.parametrize(("x", "y", "place"), [(0.2, 0.2, "upper left"), (0.8, 0.8, "lower right")])
def test_a_subject_is_placed_in_thinking_and_answer(voice: Voice, x: float, y: float, place: str) -> None:
    thinking, answer = tell(measure(with_disc(x, y)), voice, 0)
    assert f"in the {place}" in thinking
    assert f"in the {place}" in answer


@every_voice
def test_a_doubtful_subject_is_hedged_and_no_subject_is_invented(voice: Voice) -> None:
    m = measure(with_disc(0.3, 0.3))
    assert m.subject
    for disagreement, spread, hedges in (
        (2, 40, None),
        (20, 40, r"seems to|probably"),
        (2, 75, r"seems to|probably"),
        (60, 40, r"scattered|spread over"),
        (2, 98, r"scattered|spread over"),
    ):
        subject = replace(m.subject, disagreement=disagreement, spread=spread, compactness=50)
        _, answer = tell(replace(m, subject=subject), voice, 0)
        found = re.search(r"seems to|probably|scattered|spread over", answer)
        assert bool(found) == bool(hedges)
        assert hedges is None or re.search(hedges, answer)


@every_voice
def test_a_portrait_is_upright_and_a_landscape_is_not(voice: Voice) -> None:
    assert "upright" in tell(measure(plain(RED, (300, 400))), voice, 0)[0]
    assert "upright" not in tell(measure(plain(RED, (400, 300))), voice, 0)[0]


@every_voice
def test_a_grey_picture_is_said_to_have_no_colour(voice: Voice) -> None:
    _, answer = tell(measure(noise(2).convert("L")), voice, 0)
    assert re.search(r"no colour|without colour", answer)


@every_voice
def test_different_pictures_have_different_texts(voice: Voice) -> None:
    texts = {words_on(picture, voice) for picture in (noise(1), noise(2), plain(RED), with_disc(0.2, 0.2))}
    assert len(texts) == 4


@every_voice
def test_another_seed_is_another_wording_of_the_same_measurements(voice: Voice) -> None:
    texts = {words_on(with_disc(0.3, 0.3), voice, seed) for seed in range(20)}
    assert len(texts) >= 10


def test_the_two_voices_share_next_to_no_sentence() -> None:
    sentences = [set(re.split(r"(?<=[.?!])\s+", words_on(with_disc(0.3, 0.3), voice))) for voice in VOICES]
    assert not sentences[0] & sentences[1]


def test_the_known_teachers_have_different_voices_and_any_name_has_one() -> None:
    voices = [voice_of(name) for name in load_teachers()]
    assert len(set(voices)) == len(voices) == 2
    assert {voice_of(f"teacher-{number}") for number in range(20)} == set(VOICES)


@given(st.integers(0, 100))
def test_a_share_in_words_is_within_four_points_of_the_share_in_figures(value: int) -> None:
    exact = {
        "about a tenth": 10,
        "about a sixth": 100 / 6,
        "about a fifth": 20,
        "about a quarter": 25,
        "about a third": 100 / 3,
        "about two fifths": 40,
        "about half": 50,
        "about two thirds": 200 / 3,
        "about three quarters": 75,
    }
    word = word_for(SHARES, value)
    if word in exact:
        assert abs(exact[word] - value) <= 5
    elif word == "more than half":
        assert value > 50
    elif word in {"most", "nearly all"}:
        assert value > 75
    else:
        assert value < 8


def test_a_share_that_rounds_to_nothing_is_not_called_nothing() -> None:
    assert (percent(0), percent(1)) == ("less than half a percent", "1%")


def test_words_are_joined_as_in_english() -> None:
    assert [join_words(items) for items in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
