"""Engines against fake servers, with rests and pauses that take no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.fakes.openai_server import FakeServer

Serve = Callable[..., FakeServer]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engines.openai.routing.FIRST_REST", 0.02)
    monkeypatch.setattr("pipeline.engines.openai.asking.FIRST_PAUSE", 0.01)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def long_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that failed stays away to the end of the test."""
    monkeypatch.setattr("pipeline.engines.openai.routing.FIRST_REST", 60.0)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a fake server, stopped at the end of the test."""
    with ExitStack() as stack:
        yield lambda *script, **settings: stack.enter_context(FakeServer(*script, **settings))
