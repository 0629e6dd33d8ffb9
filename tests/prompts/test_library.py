from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts import Prompt, list_prompts, load_prompt, read_prompt
from schemas.errors import ConfigError


def test_the_default_prompt_is_the_papers_word_for_word() -> None:
    prompt = load_prompt("describe-step-by-step")
    assert prompt.text == (
        "Please analyze this image step by step. Explain your reasoning process. "
        "Describe this image and give as much information as possible"
    )
    assert prompt.language == "en"
    assert not prompt.label_shown
    assert prompt.render(("dog",), "a domestic animal") == prompt.text


def test_a_prompt_that_shows_the_label_says_so_and_holds_it() -> None:
    prompt = load_prompt("describe-with-label")
    assert prompt.label_shown
    text = prompt.render(("tench", "Tinca tinca"), "freshwater dace-like game fish")
    assert '"tench, Tinca tinca" (freshwater dace-like game fish)' in text
    assert "{" not in text


@pytest.mark.parametrize("prompt_id", list_prompts())
def test_every_prompt_can_be_loaded_under_its_id(prompt_id: str) -> None:
    prompt = load_prompt(prompt_id)
    assert prompt.id == prompt_id
    assert prompt.text == prompt.text.strip()
    assert prompt.sha256 == hashlib.sha256(prompt.text.encode()).hexdigest()


def test_prompts_are_listed_in_order() -> None:
    assert list_prompts() == ("describe-step-by-step", "describe-with-label")


def test_the_hash_is_of_the_template_and_not_of_what_is_put_in() -> None:
    one, other = (Prompt(id="p", language="en", text=text) for text in ("A {lemmas}.", "A {definition}."))
    assert one.sha256 != other.sha256
    assert one.render(("dog",), "") == other.render((), "dog")


@pytest.mark.parametrize(
    "prompt_id", ["nothing", "", "../describe-step-by-step", "/etc/passwd", "library.py", "library"]
)
def test_an_unknown_id_is_answered_with_the_known_ones(prompt_id: str) -> None:
    with pytest.raises(ConfigError, match="known are describe-step-by-step, describe-with-label"):
        load_prompt(prompt_id)


def test_a_mistyped_id_is_answered_with_a_close_match() -> None:
    with pytest.raises(ConfigError, match=r"did you mean describe-step-by-step\?"):
        load_prompt("describe-step-by-stepp")


@pytest.mark.parametrize(
    ("yaml", "complaint"),
    [
        ("text: [", "is no YAML"),
        ("text: 2001-99-99", "is no YAML"),
        ("text: \xff", "is no YAML"),
        ("just words", "must be a mapping"),
        ("{id: other, language: en, text: Hello}", "must be a mapping"),
        ("{text: Hello}", "language: Field required"),
        ("{language: english, text: Hello}", "language: String should match"),
        ("{language: en, text: ''}", "text: String should have at least 1 character"),
        ("{language: en, text: 7}", "text: Input should be a valid string"),
        ("{language: en, text: Hello, colour: red}", "colour: Extra inputs"),
        ("{language: en, text: 'A {lemma}?'}", r"text asks for \{lemma\}; allowed are \{lemmas\} and \{definition\}"),
        ('{language: en, text: "\\ud800"}', "text: "),
    ],
)
def test_a_damaged_prompt_is_one_clear_line_with_the_known_ids(yaml: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_prompt("mine", yaml.encode("latin-1"))
    assert "prompt mine" in str(caught.value)
    assert "describe-step-by-step" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ['{"answer": 1}', "{}", "{0}", "{lemmas!r}", "{ lemmas }", "}{", "{a.b}", "%s $x \\1"])
def test_braces_around_anything_but_a_name_stand_for_themselves(text: str) -> None:
    prompt = Prompt(id="p", language="en", text=text)
    assert not prompt.label_shown
    assert prompt.render(("dog",), "an animal") == text


@given(lemma=st.text(), definition=st.text())
def test_what_is_put_in_is_put_in_once_and_verbatim(lemma: str, definition: str) -> None:
    prompt = Prompt(id="p", language="en", text="<{lemmas}|{definition}>")
    assert prompt.render((lemma,), definition) == f"<{lemma}|{definition}>"
    assert prompt.render(("{definition}",), "x") == "<{definition}|x>"
