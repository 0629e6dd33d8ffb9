"""The parser of WordNet's ``data.noun``."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.taxonomy.wordnet import Noun, read_notice, read_nouns
from schemas.errors import ConfigError

ENTITY = "00000000 03 n 01 entity 0 001 ~ 00000070 n 0000 | that which exists  \n"
FISH = (
    "00000070 05 n 02 tench 0 Tinca_tinca 0 002 @ 00000000 n 0000 #m 01440655 n 0000"
    ' | a freshwater fish; "an example"  \n'
)


def written(folder: Path, content: str) -> Path:
    path = folder / "data.noun"
    path.write_bytes(content.encode("latin-1"))
    return path


def only_noun(folder: Path, line: str) -> Noun:
    (noun,) = read_nouns(written(folder, line))
    return noun


def line_of(*, words: str = "01 thing 0", pointers: str = "000", file: str = "03", gloss: str = "a thing") -> str:
    return f"00000000 {file} n {words} {pointers} | {gloss}  \n"


def test_a_line_gives_wnid_lemmas_definition_parents_and_lexname(tmp_path: Path) -> None:
    entity, fish = read_nouns(written(tmp_path, ENTITY + FISH))
    assert entity == Noun("n00000000", ("entity",), "that which exists", (), "noun.Tops")
    assert fish == Noun("n00000070", ("tench", "Tinca_tinca"), "a freshwater fish", ("n00000000",), "noun.animal")


def test_parents_are_hypernyms_and_classes_of_an_instance_and_nothing_else(tmp_path: Path) -> None:
    pointers = "005 @ 00000001 n 0000 @i 00000002 n 0000 ~ 00000003 n 0000 %p 00000004 n 0000 + 00000005 v 0102"
    assert only_noun(tmp_path, line_of(pointers=pointers)).parents == ("n00000001", "n00000002")


def test_the_number_of_words_is_hexadecimal(tmp_path: Path) -> None:
    words = " ".join(f"word{n} 0" for n in range(16))
    assert len(only_noun(tmp_path, line_of(words=f"10 {words}")).lemmas) == 16


@pytest.mark.parametrize(
    ("gloss", "definition"),
    [
        ("one meaning", "one meaning"),
        ("used for holding food or liquids;", "used for holding food or liquids"),
        ("first part; second part", "first part; second part"),
        ('a fabric of worsted yarns "he wore a worsted suit"', "a fabric of worsted yarns"),
        ("female of domestic cattle: \"`moo-cow' is a child's term\"", "female of domestic cattle"),
        ('the first; "an example"; "another"', "the first"),
        ("a sign | or a bar", "a sign | or a bar"),
    ],
)
def test_a_definition_is_the_gloss_without_its_examples(tmp_path: Path, gloss: str, definition: str) -> None:
    assert only_noun(tmp_path, line_of(gloss=gloss)).definition == definition


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("\n", "expected 'offset file n count words"),
        ("<html>\n", "found '<html>"),
        (line_of().replace(" | ", " "), "expected 'offset file n count words"),
        (line_of().replace(" n ", " v "), "expected 'offset file n count words"),
        (line_of(gloss="a\tthing"), "expected 'offset file n count words"),
        (line_of().rstrip("\n"), "expected 'offset file n count words"),
        (line_of(words="02 thing 0"), "announces 0x02 words, holds 1"),
        (line_of(pointers="002 @ 00000001 n 0000"), "announces 002 pointers, holds 1"),
        (line_of(pointers="001 @ 1 n 0000"), "expected 'offset file n count words"),
        (line_of(file="29"), "29 is no lexicographer file of nouns"),
        (line_of(gloss="caf\xe9"), "can't decode byte 0xe9"),
        (line_of().replace("00000000", "00000007", 1), "claims to stand at byte 00000007 but stands at byte 00000000"),
    ],
)
def test_a_malformed_line_is_named_with_its_number_and_its_fault(tmp_path: Path, line: str, fault: str) -> None:
    notice = "  1 A notice.  \n"
    # Lines name their own position, so the notice before them moves a well-placed one.
    placed = line.replace("00000000", f"{len(notice):08}", 1)
    with pytest.raises(ConfigError) as caught:
        list(read_nouns(written(tmp_path, notice + placed)))
    assert "data.noun, line 2: " in str(caught.value)
    assert fault.replace("00000000", f"{len(notice):08}") in str(caught.value)
    assert "WordNet 3.0" in caught.value.remedy


def test_a_file_with_other_line_ends_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2: the line claims to stand at byte"):
        list(read_nouns(written(tmp_path, (ENTITY + FISH).replace("\n", "\r\n"))))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*absent"):
        list(read_nouns(tmp_path / "absent"))


def test_the_notice_is_read_without_its_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "  1 A notice,  \n  2   \n  3 and its end.  \n00000036 03 n ...\n")
    assert read_notice(path) == ("A notice,", "", "and its end.")


def test_a_file_without_the_notice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not begin with WordNet's licence notice"):
        read_notice(written(tmp_path, ENTITY))


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """Two sound lines with one stretch of them replaced by a few bytes."""
    sound = (ENTITY + FISH).encode()
    start = draw(st.integers(0, len(sound)))
    end = draw(st.integers(start, min(start + 20, len(sound))))
    return (
        sound[:start]
        + draw(st.binary(max_size=20) | st.from_regex(rb"[0-9n@~| \n]{,20}", fullmatch=True))
        + sound[end:]
    )


@given(st.binary(max_size=200) | damaged_files())
def test_any_bytes_give_nouns_or_one_clear_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.noun"
    path.write_bytes(content)
    lines = [line for line in content.splitlines(keepends=True) if not line.startswith(b"  ")]
    fault, nouns = "", list[Noun]()
    try:
        nouns = list(read_nouns(path))
    except ConfigError as error:
        fault = str(error)
    assert "fuzzed.noun, line " in fault or len(nouns) == len(lines)
