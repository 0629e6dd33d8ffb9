"""What was checked, and what was found."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from pipeline.lines import printable
from schemas.base import Contract

MAX_FAULTS_PER_FILE = 50
"""A file that is wrong from end to end says so this often, and then how often more."""


class Fault(Contract):
    """One thing that is wrong."""

    file: str
    """Path in the dataset; empty when it concerns the whole."""
    key: str
    """The sample; empty when it concerns the whole file."""
    fault: str

    def __str__(self) -> str:
        """One line: file, sample, and what is wrong."""
        return ": ".join(part for part in (self.file, self.key, self.fault) if part)


class VerifyReport(Contract):
    """The outcome of one verification."""

    dataset: str
    checks: dict[str, int]
    """What was looked at, and how many of it."""
    skipped: tuple[str, ...]
    """Checks that make sense only on a dataset without the faults that were found before."""
    faults: tuple[Fault, ...]
    more_faults: int = Field(ge=0)
    """Faults beyond the first of a file, not listed one by one."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


class Findings:
    """A report in the making."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._checks: dict[str, int] = {}
        self._skipped: list[str] = []
        self._faults_of: dict[str, int] = {}

    def blame(self, file: str, fault: str, key: str = "") -> None:
        """Note a fault. Names and words of the dataset's own may be in it; they become fit to be shown."""
        self._faults_of[file] = self._faults_of.get(file, 0) + 1
        if self._faults_of[file] <= MAX_FAULTS_PER_FILE:
            self.faults.append(Fault(file=printable(file), key=printable(key), fault=printable(fault)))

    def blame_all(self, faults: Iterable[Fault]) -> None:
        """Note faults found elsewhere."""
        for fault in faults:
            self.blame(fault.file, fault.fault, fault.key)

    def count(self, check: str, number: int = 1) -> None:
        """Note that ``number`` more things went through a check."""
        self._checks[check] = self._checks.get(check, 0) + number

    def skip(self, check: str) -> None:
        """Note that a check was left out because of the faults so far."""
        self._skipped.append(check)

    def report(self, dataset: str) -> VerifyReport:
        """The finished report."""
        return VerifyReport(
            dataset=dataset,
            checks=self._checks,
            skipped=tuple(self._skipped),
            faults=tuple(self.faults),
            more_faults=sum(self._faults_of.values()) - len(self.faults),
        )
