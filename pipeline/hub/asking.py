"""Asking the hub: again while that can help, and one clear error when it cannot."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pipeline.hub.place import Place
from pipeline.hub.purpose import Purpose
from pipeline.hub.refusals import NO_HUB, error_classes, judge, say
from schemas.errors import ImageNetThinkError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Answer = TypeVar("Answer")

WAITS = (1, 2, 4, 8, 16, 32, 60, 60)
"""Seconds before each further attempt, counted from the last byte that came. Then the hub counts as out of reach."""

FIRST_WAITS = WAITS[:3]
"""The same before anything was listed, when somebody waits who may have mistyped an address."""

_ON_AGAIN = "run the same command again once it answers: it goes on where it stopped"


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks about one place, for one purpose."""

    place: Place
    purpose: Purpose

    def call(
        self,
        request: Callable[[], Answer],
        what: str,
        *,
        patient: bool = False,
        broken: tuple[type[Exception], ...] = (),
    ) -> Answer:
        """Ask the hub, and again when it is busy, out of reach or asks for patience.

        Args:
            request: asks ``huggingface_hub``; can be done again at any point.
            what: names it to a person.
            patient: whether days of work hang on it, rather than somebody who waits.
            broken: further exceptions that are as good as a broken connection.

        Raises:
            ImageNetThinkError: the hub refuses, or cannot be reached.
        """
        failures = 0
        while True:
            try:
                return request()
            except (*error_classes(), *broken) as error:
                wait, problem = self.judge(error, what)
            except (ValueError, TypeError, KeyError) as error:
                raise self._say(error, what) from error
            self.pause((WAITS if patient else FIRST_WAITS)[failures:], wait, problem, what)
            failures += 1

    def judge(self, error: Exception, what: str) -> tuple[float, str]:
        """Seconds to wait, at least, before a request is made again, and why.

        Raises:
            ImageNetThinkError: asking again is of no use.
        """
        return judge(error, self.place, self.purpose, what)

    def pause(self, waits: Sequence[int], wait: float, problem: str, what: str) -> None:
        """Wait before the next attempt.

        Args:
            waits: seconds before this attempt and those after it, as far as there may be any.
            wait: seconds that the hub asks for.
            problem: why the last attempt failed.
            what: names the request to a person.

        Raises:
            ImageNetThinkError: there were enough attempts.
        """
        if not waits:
            failed = "cannot be had from the hub" if self.purpose.right == "read" else "does not go through"
            raise self.purpose.refuse(f"{self.place}: {what} {failed} ({problem})", _ON_AGAIN)
        time.sleep(max(wait, waits[0]))

    def _say(self, error: Exception, what: str) -> ImageNetThinkError:
        """What ``huggingface_hub`` raises when it does not understand an answer, or when that says why not."""
        if type(error) is ValueError and self.purpose.right == "write":
            return self.purpose.refuse(f"{self.place}: {what}: the hub refuses it: {say(error)}")
        return self.purpose.refuse(f"{self.place}: what answers is no hub", NO_HUB)


def connect() -> HfApi:
    """The client; the token, the address and the proxies are as the environment has them."""
    from huggingface_hub import HfApi  # noqa: PLC0415 - takes its time, and only the hub needs it

    return HfApi()
