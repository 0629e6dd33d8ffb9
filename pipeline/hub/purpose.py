"""On whose behalf the hub is asked, so that its refusals name what that person can mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.errors import HubError, ImageNetThinkError


@dataclass(frozen=True, slots=True)
class Purpose:
    """How refusals are put."""

    setting: str
    """What names the dataset: a field of the configuration, or an argument."""
    right: Literal["read", "write"] = "read"
    """What the token must allow."""
    instead: str = "unset it"
    """What to do when ``HF_HUB_OFFLINE`` is set."""
    moved: str = "run the same command again"
    """What to do when the commit that the work began with is gone."""
    error: type[ImageNetThinkError] = HubError

    def refuse(self, problem: str, remedy: str = "") -> ImageNetThinkError:
        """The error that says so."""
        return self.error(problem, remedy)
