"""A selection that the tests of this folder share; each writes its own ledger into it."""

from __future__ import annotations

import shutil

import pytest

from pipeline.stages import Build
from tests.pipeline.watching.world import HandWritten, select


@pytest.fixture(scope="session")
def selected(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return select(tmp_path_factory.mktemp("watched"))


@pytest.fixture
def ledger(selected: Build) -> HandWritten:
    """An empty ledger, claimed by its engine."""
    shutil.rmtree(selected.run.chunks, ignore_errors=True)
    return HandWritten(selected)
