"""The two ways to say that a file is no usable photograph: a value for callers, an exception inside this package."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.errors import SourceError
from schemas.rejection import RejectReason


@dataclass(frozen=True, slots=True)
class Unusable:
    """Why a file is no usable photograph.

    ``detail`` says what was found, in words that are the same in every process: it is published.
    """

    reason: RejectReason
    detail: str


class UnusableImageError(SourceError):
    """Raised by the single checks; ``screen`` turns it into :class:`Unusable`.

    Args:
        reason: the published code.
        detail: what was found.
    """

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason

    def at(self, image_id: str) -> SourceError:
        """The error of a selected image that was usable when it was screened."""
        return SourceError(
            f"{image_id}: {self.problem}", "use the library versions that screened it (selection.json), or select again"
        )

    def __reduce__(self) -> tuple[type[UnusableImageError], tuple[RejectReason, str]]:
        """Come back whole from a worker process."""
        return type(self), (self.reason, self.problem)


def undecodable(detail: str) -> UnusableImageError:
    """The error of a file that says it is an image but is damaged."""
    return UnusableImageError(RejectReason.DECODE_ERROR, detail)
