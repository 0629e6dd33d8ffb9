"""What the doctor says: one thing it looked at, how that stands, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

from schemas.base import Contract
from schemas.errors import ImageNetThinkError


class Level(StrEnum):
    """How a thing stands."""

    OK = "ok"
    WARNING = "warning"
    """A build can begin, but its user should know."""
    FAULT = "fault"
    """A build would stop here."""


class Finding(Contract):
    """One line of an examination."""

    level: Level
    what: str
    """What was looked at: a few words."""
    detail: str
    """What was seen."""
    remedy: str = ""
    """What to do about it."""


def ok(what: str, detail: str) -> Finding:
    """Nothing to do."""
    return Finding(level=Level.OK, what=what, detail=detail)


def warning(what: str, detail: str, remedy: str) -> Finding:
    """Something to know before a build."""
    return Finding(level=Level.WARNING, what=what, detail=detail, remedy=remedy)


def fault(what: str, detail: str, remedy: str) -> Finding:
    """Something that stops a build."""
    return Finding(level=Level.FAULT, what=what, detail=detail, remedy=remedy)


def refusal(what: str, error: ImageNetThinkError) -> Finding:
    """An error that a build would end with."""
    return fault(what, " ".join(error.problem.split()), error.remedy)


def gib(size: float) -> str:
    """A size in bytes, in GiB."""
    return f"{size / 2**30:,.1f} GiB"
