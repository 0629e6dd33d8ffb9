"""One question at a time to whichever server is up, until it is answered: who is to blame when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import aiohttp

from pipeline.engines.openai.address import Address
from pipeline.engines.openai.answers import RequestFailedError, ServerAwayError, read_answer
from pipeline.engines.openai.http import fetch, open_session
from pipeline.engines.openai.identity import Party
from pipeline.engines.openai.routing import Fleet, Server
from schemas.errors import EngineDiedError, EngineError, RequestRefusedError

Content = TypeVar("Content")

Read = Callable[[dict[str, Any], Address], Content]
"""Makes something of a good answer, or raises what :func:`read_answer` may."""

COMPLETIONS = "chat/completions"
TOKENIZE = "tokenize"

MOST_FAILURES = 5
"""How often a request may break servers that are well before and after, until it is refused."""

MOST_REFUSALS = 8
"""How many requests in a row may be refused for that: then it is not the requests."""

FIRST_PAUSE = 1.0
"""Seconds before a request goes to a server again that it broke; doubled each time."""


class Asker:
    """Asks the servers of a build.

    Args:
        party: who they are.
    """

    def __init__(self, party: Party) -> None:
        self._party = party
        self._fleet = Fleet(party.addresses, party.absent, party.config.requests_per_server, self._recognise)
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        self._refusals = 0  # in a row

    async def ask(self, path: str, body: bytes, seconds: float, read: Read[Content]) -> Content:
        """Ask until somebody answers.

        A server that cannot be reached, is overloaded or sends nonsense rests, and another one is asked at once. One
        that breaks, or takes too long, is examined: if it is well the request may be at fault, and is asked a bounded
        number of times.

        Args:
            path: ``COMPLETIONS`` or ``TOKENIZE``.
            body: the request.
            seconds: until an answer must be there.
            read: makes something of it.

        Raises:
            EngineUnavailableError: no server is up.
            RequestRefusedError: the request cannot be answered.
            EngineError: nothing can be answered before somebody mends the configuration.
            EngineDiedError: closed meanwhile.
        """
        broken: list[Server] = []
        while True:
            self.assert_open()
            async with self._fleet.place(broken, is_small=path == TOKENIZE) as server:
                rests = server.rests
                try:
                    content = await self._ask(server.address, path, body, seconds, read)
                except ServerAwayError as absence:
                    self._fleet.rest(server, rests, absence)
                    continue
                except RequestFailedError as failure:
                    if illness := await self._examine(server.address):
                        self._fleet.rest(server, rests, illness)
                        continue
                    broken.append(server)
                    if len(broken) == MOST_FAILURES:
                        raise self._refuse(failure) from failure
                else:
                    self._fleet.praise(server)
                    self._refusals = 0
                    return content
            if len(broken) >= len(self._fleet.servers):
                await asyncio.sleep(FIRST_PAUSE * 2 ** (len(broken) - len(self._fleet.servers)))

    async def close(self) -> None:
        """Take back what is in flight."""
        self._is_closed = True
        await self._fleet.close()
        if self._session is not None:
            await self._session.close()

    def assert_open(self) -> None:
        """Refuse to go on after the end.

        Raises:
            EngineDiedError: closed.
        """
        if self._is_closed:
            raise EngineDiedError("the connection to the servers was closed", "make a new one")

    async def _ask(self, address: Address, path: str, body: bytes, seconds: float, read: Read[Content]) -> Content:
        # vLLM keeps what is no part of the OpenAI protocol beside its root
        url = f"{address.root if path == TOKENIZE else address.base}/{path}"
        try:
            answer = await fetch(self._connected(), address, url, body, seconds)
        except TimeoutError as error:
            raise RequestFailedError(f"{address} gave no answer within {seconds:g} s") from error
        return read(read_answer(answer, address, self._party.access), address)

    def _refuse(self, failure: RequestFailedError) -> EngineError:
        said = f"{failure}, for the {MOST_FAILURES}th time, though its servers are well"
        self._refusals += 1
        if self._refusals < MOST_REFUSALS:
            return RequestRefusedError(said)
        return EngineError(
            f"{said}; so did the {MOST_REFUSALS - 1} requests before",
            "see the server's log; what is done is kept: mend the cause and run the same command again",
        )

    async def _examine(self, address: Address) -> ServerAwayError | None:
        """What ails a server, if anything does. One that has no ``/health`` and says so is well."""
        try:
            answer = await fetch(self._connected(), address, f"{address.root}/health")
        except ServerAwayError as absence:
            return absence
        except TimeoutError:
            return ServerAwayError(f"{address} takes the connection and does not answer")
        if answer.status < 500:
            return None
        return ServerAwayError(f"{address} says that it is not well ({answer.status})")

    async def _recognise(self, address: Address) -> None:
        await self._party.recognise(self._connected(), address)

    def _connected(self) -> aiohttp.ClientSession:
        # not before the first question: a session belongs to the event loop in which it is opened
        if self._session is None:
            self._session = open_session(self._party.access)
        return self._session
