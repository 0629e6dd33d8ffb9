"""What a server's answer means: the answer, a pause, a failure, a refusal, or a mistake in the configuration."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline.engines.openai.address import Access, Address
from schemas.errors import EngineError, RequestRefusedError

LONGEST_MESSAGE = 300
"""Characters of a server's words that are repeated."""

_REFUSED = frozenset({400, 413, 422})
_LOCKED = frozenset({401, 403})
_AWAY = frozenset({408, 425, 429})
_FAILED = 500
_NOT_IMPLEMENTED = 501

_DYING = re.compile(r"EngineCore|EngineDead|after shutdown|shutting down")
"""What vLLM says to whoever is in flight when its engine dies or is stopped; its health may seem well for a moment."""


class ServerAwayError(Exception):
    """The server is not there, or not for now. Another one can be asked.

    Args:
        reason: what happened, naming the server.
        retry_after: seconds after which it wants to be asked again, where it said so.
    """

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class RequestFailedError(Exception):
    """The server failed on the request; whose fault that is, only the server's health can tell."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP, whichever client fetched it."""

    status: int
    body: bytes
    retry_after: str | None = None
    """The header of this name."""


def read_answer(answer: Answer, address: Address, access: Access) -> dict[str, Any]:
    """The JSON object of a good answer.

    Raises:
        ServerAwayError: overload, a gateway without its server, or no JSON where there should be.
        RequestFailedError: the server broke over the request.
        RequestRefusedError: it will never answer this request.
        EngineError: no request can succeed before somebody mends the configuration.
    """
    status = answer.status
    if status == 200:
        return _read_object(answer, address)
    said = access.hide(read_message(answer.body))
    report = f"{address} answers {status}{f' ({said})' if said else ''}"
    if status in _REFUSED:
        raise RequestRefusedError(report)
    if status in _LOCKED:
        # the server's own words may repeat a part of the key
        raise _locked(address, status, access)
    if status == _FAILED and not _DYING.search(said):
        raise RequestFailedError(report)
    if status in _AWAY or (status >= _FAILED and status != _NOT_IMPLEMENTED):
        raise ServerAwayError(report, read_retry_after(answer.retry_after))
    raise EngineError(report, "check engine.base_urls (a server's URL ends in /v1) and engine.served_model")


def read_message(body: bytes) -> str:
    """A server's own words about a failure, on one line and not too long; empty where it sent a page."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    for name in ("error", "message", "detail"):
        if isinstance(content, dict) and name in content:
            content = content[name]
    text = content if isinstance(content, str) else json.dumps(content)
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(line.split())[:LONGEST_MESSAGE]


def read_retry_after(header: str | None) -> float | None:
    """Seconds that a ``Retry-After`` header asks to wait (RFC 9110, section 10.2.3), or ``None``.

    >>> read_retry_after("3"), read_retry_after("soon"), read_retry_after(None)
    (3.0, None, None)
    """
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except ValueError:
        return None


def _read_object(answer: Answer, address: Address) -> dict[str, Any]:
    try:
        content = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        what = "a web page" if answer.body.lstrip()[:1] == b"<" else "what is no JSON"
        raise ServerAwayError(f"{address} answers with {what}, as no model server does") from error
    if not isinstance(content, dict):
        raise ServerAwayError(f"{address} answers with JSON that is no object, as no model server does")
    return content


def _locked(address: Address, status: int, access: Access) -> EngineError:
    if access.key is None:
        return EngineError(
            f"{address} answers {status}: it wants a key", f"set the environment variable {access.variable}"
        )
    return EngineError(
        f"{address} answers {status}: it does not accept the key in the environment variable {access.variable}",
        "correct the variable, or name another one in engine.api_key_env",
    )
