"""What one server says of itself: asked before the first request, and again whenever it comes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from pydantic import TypeAdapter, ValidationError

from pipeline.engines.base import EngineInfo
from pipeline.engines.openai.address import Access, Address
from pipeline.engines.openai.answers import Answer, RequestFailedError, ServerAwayError, read_answer
from pipeline.engines.openai.http import fetch
from schemas.errors import EngineError, RequestRefusedError

Markers = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids of what opens and what closes the thinking."""

_INFO = TypeAdapter(EngineInfo)
_MISSING = frozenset({404, 405, 501})
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Introduction:
    """One server."""

    address: Address
    served: str
    """The name that requests must call the model by."""
    context: int | None
    """Longest prompt and output together, in tokens; ``None`` where the server does not tell."""
    told: EngineInfo | None
    """From ``/provenance``, as servers of ``imagenet-think serve`` have it."""
    version: str | None
    """vLLM's, from ``/version``."""
    markers: Markers | None
    """``None`` where the server does not count tokens."""


async def introduce(
    session: aiohttp.ClientSession, address: Address, access: Access, served_model: str | None, think: tuple[str, str]
) -> Introduction:
    """Ask one server who it is.

    Args:
        session: the client.
        address: where it is.
        access: the key, for messages.
        served_model: the model's name there; ``None`` takes the only one.
        think: what opens and what closes the thinking.

    Raises:
        ServerAwayError: it does not answer.
        EngineError: it answers, but not to this key, URL or model name.
    """
    inquiry = _Inquiry(session, address, access)
    served, context = _choose_model(await inquiry.ask(f"{address.base}/models"), served_model, address)
    told = await inquiry.ask_if_there(f"{address.root}/provenance")
    version = await inquiry.ask_if_there(f"{address.root}/version") or {}
    counted = [await inquiry.count(served, each) for each in think]
    return Introduction(
        address=address,
        served=served,
        context=context,
        told=_read_provenance(told),
        version=str(version["version"])[:_LONGEST_NAME] if "version" in version else None,
        markers=_read_markers(*counted),
    )


def tokenize_body(served: str, text: str) -> bytes:
    """The question for a text's tokens, without those that would only begin or end a prompt."""
    return json.dumps({"model": served, "prompt": text, "add_special_tokens": False}).encode()


def read_tokens(content: dict[str, Any], address: Address) -> int:
    """How many tokens a text has, from the answer to :func:`tokenize_body`.

    Raises:
        ServerAwayError: the answer does not say.
    """
    count = content.get("count")
    if not isinstance(count, int) or count < 0:
        raise ServerAwayError(f"{address} answers /tokenize without a count")
    return count


@dataclass(frozen=True, slots=True)
class _Inquiry:
    """Small questions to one server."""

    session: aiohttp.ClientSession
    address: Address
    access: Access

    async def ask(self, url: str) -> dict[str, Any]:
        return self._read(await self._fetch(url))

    async def count(self, served: str, marker: str) -> dict[str, Any] | None:
        """The tokens of a marker. An empty one has none, and servers refuse to say so."""
        if not marker:
            return {"tokens": []}
        return await self.ask_if_there(f"{self.address.root}/tokenize", tokenize_body(served, marker))

    async def ask_if_there(self, url: str, body: bytes | None = None) -> dict[str, Any] | None:
        """The answer, or ``None`` from servers that do not know the path; some answer any path with a page."""
        answer = await self._fetch(url, body)
        is_page = answer.status == 200 and answer.body.lstrip()[:1] == b"<"
        return None if answer.status in _MISSING or is_page else self._read(answer)

    def _read(self, answer: Answer) -> dict[str, Any]:
        try:
            return read_answer(answer, self.address, self.access)
        except (RequestFailedError, RequestRefusedError) as error:
            # a server that cannot answer so small a question is not working
            raise ServerAwayError(str(error)) from error

    async def _fetch(self, url: str, body: bytes | None = None) -> Answer:
        try:
            return await fetch(self.session, self.address, url, body)
        except TimeoutError as error:
            raise ServerAwayError(f"{self.address} takes the connection and does not answer") from error


def _choose_model(listed: Mapping[str, Any], wanted: str | None, address: Address) -> tuple[str, int | None]:
    """Name and context of the model to ask, from the answer of ``/v1/models``."""
    entries = listed.get("data")
    models = [each for each in entries if isinstance(each, dict) and "id" in each] if isinstance(entries, list) else []
    names = [str(each["id"])[:_LONGEST_NAME] for each in models]
    if not names:
        raise ServerAwayError(f"{address} lists no model")
    if wanted is None and len(names) > 1:
        raise EngineError(f"{address} serves {', '.join(names)}", "choose one in engine.served_model")
    if wanted is not None and wanted not in names:
        raise EngineError(f"{address} serves {', '.join(names)} and no {wanted}", "correct engine.served_model")
    name = wanted or names[0]
    context = models[names.index(name)].get("max_model_len")
    return name, context if isinstance(context, int) and context > 0 else None


def _read_provenance(content: dict[str, Any] | None) -> EngineInfo | None:
    try:
        return None if content is None else _INFO.validate_python(content)
    except ValidationError:
        return None  # some other program's page of this name


def _read_markers(opening: dict[str, Any] | None, closing: dict[str, Any] | None) -> Markers | None:
    first, last = (each.get("tokens") if each else None for each in (opening, closing))
    return (tuple(first), tuple(last)) if isinstance(first, list) and isinstance(last, list) and last else None
