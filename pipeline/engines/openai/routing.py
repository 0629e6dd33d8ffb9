"""Which server gets the next request: the least loaded one that is up; what failed rests, and is checked before use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.engines.openai.address import Address
from pipeline.engines.openai.answers import ServerAwayError
from schemas.errors import EngineUnavailableError, ImageNetThinkError

FIRST_REST = 1.0
"""Seconds that a server rests after its first failure; doubled with each in a row."""

LONGEST_REST = 60.0

LONGEST_TOLD = 600.0
"""Seconds of rest beyond which a server's own wish is not heeded."""

_SPEAK_AFTER = 3
"""Failures in a row after which the log says that a server is away."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Server:
    """One server as seen from here."""

    address: Address
    in_flight: int = 0
    failures: int = 0
    """In a row."""
    rests: int = 0
    """So far: tells failures of one outage from those of the next."""
    resting: str | None = None
    """Why it gets no work, if it gets none."""
    until: float = 0.0
    """When its rest is over, on the monotonic clock."""
    fault: ImageNetThinkError | None = None
    """It answers, but is none of ours any more."""
    check: asyncio.Task[None] | None = field(default=None, repr=False)


class Fleet:
    """All servers, and who waits for them.

    Args:
        addresses: where they are.
        absent: those that are away from the start, and why.
        most: requests in flight at each.
        recognise: makes sure that a server which rested is back and is the same; raises :class:`ServerAwayError` or
            what the user has to mend.
    """

    def __init__(
        self,
        addresses: Iterable[Address],
        absent: Mapping[Address, str],
        most: int,
        recognise: Callable[[Address], Awaitable[None]],
    ) -> None:
        self.servers = [Server(address) for address in addresses]
        self._most = most
        self._recognise = recognise
        self._waiting: deque[asyncio.Future[None]] = deque()
        for server in self.servers:
            if server.address in absent:
                self._lay_down(server, absent[server.address], None)

    @contextlib.asynccontextmanager
    async def place(self, avoid: Collection[Server] = (), *, is_small: bool = False) -> AsyncIterator[Server]:
        """A place at a server, preferably none of those to avoid; waits while all that are up are full.

        Args:
            avoid: where the request failed before.
            is_small: the request is none for the model, and need not wait for its turn.

        Raises:
            EngineUnavailableError: none is up.
            ImageNetThinkError: none is up, and all that answer have become others.
        """
        server = await self._choose(avoid, None if is_small else self._most)
        server.in_flight += 1
        try:
            yield server
        finally:
            server.in_flight -= 1
            self._wake(1)

    def rest(self, server: Server, rests_before: int, absence: ServerAwayError) -> None:
        """Give a server no work for a while.

        Args:
            server: the one that failed.
            rests_before: its ``rests`` when the request that failed began: hundreds of requests meet one outage.
            absence: what happened.
        """
        if server.rests == rests_before:
            self._lay_down(server, str(absence), absence.retry_after)
            self._wake()

    def praise(self, server: Server) -> None:
        """Note that a server did its work."""
        if server.failures >= _SPEAK_AFTER:
            _log.warning("%s works again", server.address)
        server.failures = 0

    async def close(self) -> None:
        """Stop all checks."""
        checks = [server.check for server in self.servers if server.check is not None]
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def _choose(self, avoid: Collection[Server], most: int | None) -> Server:
        while True:
            self._check_rested()
            up = [server for server in self.servers if server.resting is None]
            free = [server for server in up if most is None or server.in_flight < most]
            if free:
                return min(free, key=lambda server: (server in avoid, server.in_flight))
            if not up and not any(server.check for server in self.servers):
                raise self._explain_absence()
            await self._wait_for_change()

    def _explain_absence(self) -> ImageNetThinkError:
        faults = [server.fault for server in self.servers if server.fault is not None]
        if len(faults) == len(self.servers):
            return faults[0]
        return EngineUnavailableError("; ".join(server.resting or "" for server in self.servers))

    async def _wait_for_change(self) -> None:
        """Until a place is free, a server's state changes, or the next rest is over."""
        rests = [server.until for server in self.servers if server.resting is not None and server.check is None]
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(woken)
        try:
            async with asyncio.timeout(max(0.0, min(rests) - time.monotonic()) if rests else None):
                await woken
        except TimeoutError:
            return
        except asyncio.CancelledError:
            if woken.done() and not woken.cancelled():
                self._wake(1)  # the free place is for the next one
            raise

    def _wake(self, most: int | None = None) -> None:
        """Wake those that wait longest, all of them by default."""
        left = len(self._waiting) if most is None else most
        while left and self._waiting:
            woken = self._waiting.popleft()
            if not woken.done():
                woken.set_result(None)
                left -= 1

    def _check_rested(self) -> None:
        for server in self.servers:
            if server.resting is not None and server.check is None and time.monotonic() >= server.until:
                server.check = asyncio.create_task(self._look_at(server))

    async def _look_at(self, server: Server) -> None:
        try:
            await self._recognise(server.address)
        except ServerAwayError as absence:
            self._lay_down(server, str(absence), absence.retry_after)
        except ImageNetThinkError as fault:
            _log.warning("%s", fault)
            self._lay_down(server, str(fault), LONGEST_REST)
            server.fault = fault
        else:
            server.resting = server.fault = None
        finally:
            server.check = None
            self._wake()

    def _lay_down(self, server: Server, why: str, told: float | None) -> None:
        server.failures += 1
        server.rests += 1
        server.resting, server.fault = why, None
        server.until = time.monotonic() + rest_for(server.failures, told, random.random())  # noqa: S311 - jitter
        if server.failures == _SPEAK_AFTER:
            _log.warning("%s; it gets no work until it answers", why)


def rest_for(failures: int, told: float | None, jitter: float) -> float:
    """Seconds of rest after the n-th failure in a row (n >= 1).

    Args:
        failures: n.
        told: what the server asked for, if it did.
        jitter: in [0, 1), spreads the rests over a half, so that clients do not come back all at once.
    """
    if told is not None:
        return max(FIRST_REST / 2, min(told, LONGEST_TOLD))
    return min(LONGEST_REST, FIRST_REST * 2.0 ** min(failures - 1, 16)) * (1 - jitter / 2)
