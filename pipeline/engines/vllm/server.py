"""What ``imagenet-think serve`` adds to vLLM's server: a page that says exactly what runs there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from pipeline.engines.base import EngineInfo
from pipeline.engines.checkpoint import is_commit
from pipeline.engines.vllm.provenance import describe_engine

PATH = "/provenance"

REVISION = "IMAGENET_THINK_REVISION"
"""Environment variable in which ``serve`` names the commit, or the digest of a folder."""

UNKNOWN = "unknown"

_INFO = TypeAdapter(EngineInfo)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ProvenanceMiddleware:
    """Answers ``GET /provenance`` with the engine's :class:`EngineInfo`, to whoever has the server's key.

    An ASGI middleware for ``vllm serve --middleware``. vLLM puts those outside of its own, so that its check of the
    key is not met on the way and has to be made here.

    Args:
        app: the server.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._page: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on what is not ours."""
        if scope["type"] != "http" or scope["path"].removeprefix(scope.get("root_path", "")) != PATH:
            await self._app(scope, receive, send)
        elif scope["method"] != "GET":
            await _respond(send, 405, b'{"error":"Method Not Allowed"}')
        elif not _has_key(scope):
            await _respond(send, 401, b'{"error":"Unauthorized"}')
        else:
            if self._page is None:
                self._page = write_provenance(scope["app"].state.vllm_config)
            await _respond(send, 200, self._page)


def write_provenance(vllm_config: Any) -> bytes:
    """An engine's description as JSON.

    Args:
        vllm_config: vLLM's own, complete.
    """
    revision = os.environ.get(REVISION) or vllm_config.model_config.revision
    info = describe_engine(vllm_config, revision or UNKNOWN)
    if revision is None:
        warning = "nobody told the server which commit or folder it runs; start it with imagenet-think serve"
        info = replace(info, warnings=(*info.warnings, warning))
    elif revision != os.environ.get(REVISION) and not is_commit(revision):
        info = replace(info, warnings=(*info.warnings, f"revision {revision} is no commit, and may move"))
    return _INFO.dump_json(info)


def _has_key(scope: Scope) -> bool:
    """As vLLM's own check: one of the keys of its command line, or else the one of its environment."""
    arguments = scope["app"].state.args
    keys = [key for key in (arguments.api_key or [os.environ.get("VLLM_API_KEY")]) if key]
    given = dict(scope["headers"]).get(b"authorization", b"")
    scheme, _, word = given.partition(b" ")
    return not keys or (scheme.lower() == b"bearer" and any(secrets.compare_digest(word, key.encode()) for key in keys))


async def _respond(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
