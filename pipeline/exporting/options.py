"""What can be asked for. Whether it fits the dataset is checked before anything is written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from pydantic import Field

from pipeline.exporting.scores import SCORES
from pipeline.exporting.thinking import THINK, THINKING
from schemas.base import Contract
from schemas.errors import ConfigError
from schemas.image import SPLITS, Split

BOTH = "both"
"""A row for every teacher's pair."""

FIRST = "first"
"""The pair of the teacher that the dataset names first."""

CHOICES = (BOTH, FIRST, *SCORES)
"""What ``--teacher`` knows beside the teachers' names."""


class ExportOptions(Contract):
    """What decides an export's bytes, beside the dataset."""

    format: str
    """A key of :data:`~pipeline.exporting.formats.FORMATS`."""
    split: Split = "train"
    teacher: str = BOTH
    """A teacher's name, ``both``, ``first``, or the score by which one pair of each image is taken."""
    thinking: str = THINK
    """One of :data:`~pipeline.exporting.thinking.THINKING`."""
    preference: str | None = None
    """The score by which one pair is chosen and another rejected."""
    limit: int | None = Field(default=None, ge=1)
    """Images of the split, from its beginning; all of them when null."""


def check_options(options: ExportOptions, teachers: Sequence[str]) -> ExportOptions:
    """See that the options make sense together and for these teachers.

    Args:
        options: as they were given.
        teachers: names of the dataset's teachers.

    Returns:
        The options, the teacher's name written out.

    Raises:
        ConfigError: there is no such thinking, score or teacher, or a preference has nothing to compare.
    """
    check_name("--thinking", options.thinking, THINKING)
    teacher = _resolve_teacher(options.teacher, teachers)
    if options.preference is not None:
        check_name("--preference", options.preference, SCORES)
        if teacher != BOTH:
            raise ConfigError(f"--teacher {teacher}: --preference compares all teachers", "leave one of the two out")
        if len(teachers) < 2:
            raise ConfigError("--preference: the dataset has only one teacher", "leave it out")
    return options.model_copy(update={"teacher": teacher})


def find_split(name: str) -> Split:
    """The split of this name.

    Raises:
        ConfigError: there is none.
    """
    check_name("--split", name, SPLITS)
    return next(split for split in SPLITS if split == name)


def check_name(option: str, given: str, known: Iterable[str]) -> None:
    """See that an option's value is one of those that there are.

    Raises:
        ConfigError: it is not; the message says which it may have been.
    """
    names = tuple(known)
    if given not in names:
        guess = difflib.get_close_matches(given, names, n=1)
        question = f"did you mean {guess[0]}? " if guess else ""
        raise ConfigError(f"{option} {given!r}: unknown", f"{question}known are {', '.join(names)}")


def _resolve_teacher(given: str, teachers: Sequence[str]) -> str:
    """The teacher of this name or the only one whose name begins so; a choice as it is."""
    if given in teachers or given in CHOICES:
        return given
    found = [name for name in teachers if given and name.startswith(given)]
    if len(found) > 1:
        raise ConfigError(f"--teacher {given!r}: begins the names of {' and '.join(found)}", "write more of it")
    check_name("--teacher", found[0] if found else given, (*teachers, *CHOICES))
    return found[0]
