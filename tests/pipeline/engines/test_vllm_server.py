"""The server's own page is for whoever has the key, and everything else passes by."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.engines.vllm.server import ProvenanceMiddleware, Receive, Scope, Send

KEY = "the-server-s-key"


def ask(path: str, method: str = "GET", kind: str = "http", keys: tuple[str, ...] = (), **headers: str) -> Any:
    """Status of the middleware's own answer, or ``None`` where it passed the request on."""
    sent: list[Any] = []

    async def server(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send

    async def receive() -> dict[str, Any]:
        return {}

    async def send(message: Any) -> None:
        sent.append(message)

    state = SimpleNamespace(args=SimpleNamespace(api_key=list(keys)))
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "app": SimpleNamespace(state=state),
    }
    asyncio.run(ProvenanceMiddleware(server)(scope, receive, send))
    return sent[0]["status"] if sent else None


@pytest.mark.parametrize("path", ["/", "/health", "/v1/models", "/provenance/", "/v1/provenance"])
def test_other_paths_pass(path: str) -> None:
    assert ask(path, keys=(KEY,)) is None


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_what_is_no_request_passes(kind: str) -> None:
    assert ask("/provenance", kind=kind) is None


def test_the_page_can_only_be_read() -> None:
    assert ask("/provenance", "POST") == 405


@pytest.mark.parametrize("word", [None, f"Basic {KEY}", "Bearer another", "Bearer ", KEY])
@pytest.mark.parametrize("where", ["command line", "environment"])
def test_without_the_key_the_page_says_nothing(word: str | None, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if where == "environment":
        monkeypatch.setenv("VLLM_API_KEY", KEY)
    headers = {} if word is None else {"authorization": word}
    assert ask("/provenance", keys=(KEY,) if where == "command line" else (), **headers) == 401
