"""Reads the nouns of WordNet 3.0 from ``data.noun``; the format is that of WordNet's manual page ``wndb(5)``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigError

LEXNAMES = (
    *("noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute", "noun.body", "noun.cognition"),
    *("noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group", "noun.location", "noun.motive"),
    *("noun.object", "noun.person", "noun.phenomenon", "noun.plant", "noun.possession", "noun.process"),
    *("noun.quantity", "noun.relation", "noun.shape", "noun.state", "noun.substance", "noun.time"),
)
"""The lexicographer files of the nouns, numbered from 3 on (WordNet's manual page ``lexnames(5)``)."""

REMEDY = "take data.noun of WordNet 3.0 (Debian's package wordnet-base installs it in /usr/share/wordnet)"


@dataclass(frozen=True, slots=True)
class Noun:
    """One noun synset as WordNet has it."""

    wnid: str
    lemmas: tuple[str, ...]
    """Words in WordNet's own spelling: an underscore for each space."""
    definition: str
    """The gloss without its examples."""
    parents: tuple[str, ...]
    """Wnids of the hypernyms, and of the classes that an instance is one of."""
    lexname: str


def read_nouns(path: Path) -> Iterator[Noun]:
    """Yield every synset of a ``data.noun``, in the file's order.

    Each line starts with its own position in the file, in bytes, and that position is the synset's name; the reader
    holds it against the truth, so an edited or damaged file is found out.

    Raises:
        ConfigError: the file cannot be read, or a line is malformed; the message names the line.
    """
    position = 0
    for number, line in enumerate(_read_lines(path), start=1):
        if not line.startswith(_NOTICE_INDENT):
            try:
                noun = _parse_noun(line.decode("ascii"), position)
            except ValueError as error:
                raise ConfigError(f"{path}, line {number}: {error}", REMEDY) from None
            yield noun
        position += len(line)


def read_notice(path: Path) -> tuple[str, ...]:
    """The lines of the licence notice that stands at the head of ``data.noun``.

    Raises:
        ConfigError: the file cannot be read, or has lost its notice, which must go with every copy.
    """
    notice = []
    for line in _read_lines(path):
        match = _NOTICE.fullmatch(line)
        if match is None:
            break
        notice.append(match[1].decode("ascii", errors="replace"))
    if not notice:
        raise ConfigError(f"{path} does not begin with WordNet's licence notice", REMEDY)
    return tuple(notice)


_FIRST_NOUN_FILE = 3
_PARENT_SYMBOLS = ("@", "@i")
_NOTICE_INDENT = b"  "
_NOTICE = re.compile(rb"  [0-9]+ (.*?) *\r?\n")
_POINTER = re.compile(r" (\S+) ([0-9]{8}) [nvar] [0-9a-f]{4}")
_LINE = re.compile(
    r"(?P<offset>[0-9]{8}) (?P<file>[0-9]{2}) n"
    r" (?P<word_count>[0-9a-f]{2})(?P<words>(?: \S+ [0-9a-f])+)"
    r" (?P<pointer_count>[0-9]{3})(?P<pointers>(?: \S+ [0-9]{8} [nvar] [0-9a-f]{4})*)"
    r" \| (?P<gloss>[^\t\r\n]*)\r?\n",
)


def _parse_noun(line: str, position: int) -> Noun:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"expected 'offset file n count words count pointers | gloss', found {line[:60]!r}")
    if int(match["offset"]) != position:
        raise ValueError(f"the line claims to stand at byte {match['offset']} but stands at byte {position:08}")
    words = match["words"].split()[::2]
    pointers = _POINTER.findall(match["pointers"])
    if int(match["word_count"], 16) != len(words):
        raise ValueError(f"announces 0x{match['word_count']} words, holds {len(words)}")
    if int(match["pointer_count"]) != len(pointers):
        raise ValueError(f"announces {match['pointer_count']} pointers, holds {len(pointers)}")
    file_number = int(match["file"]) - _FIRST_NOUN_FILE
    if file_number not in range(len(LEXNAMES)):
        raise ValueError(f"{match['file']} is no lexicographer file of nouns")
    return Noun(
        wnid=f"n{match['offset']}",
        lemmas=tuple(words),
        definition=_definition(match["gloss"]),
        parents=tuple(f"n{target}" for symbol, target in pointers if symbol in _PARENT_SYMBOLS),
        lexname=LEXNAMES[file_number],
    )


def _definition(gloss: str) -> str:
    # Examples stand in double quotes behind the definition, nearly always after a semicolon.
    return gloss.partition('"')[0].rstrip(" ;:")


def _read_lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", REMEDY) from error
