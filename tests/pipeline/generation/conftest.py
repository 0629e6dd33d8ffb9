"""A selection that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.progress import Silent
from pipeline.selection import SELECTION_FILE, select_images
from pipeline.sources import build_index, open_source
from pipeline.tables import read_rows
from pipeline.taxonomy import load_taxonomy
from schemas.image import SelectedImage
from tests.collections import make_collection
from tests.fakes import scripted_engine
from tests.pipeline.generation.world import configure


@pytest.fixture(autouse=True)
def _forget_deaths() -> None:
    scripted_engine.DEATHS.clear()


@pytest.fixture(scope="session")
def selected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a collection in ``source`` and the selection of all its 12 images."""
    root = tmp_path_factory.mktemp("selected")
    config = configure(make_collection(root / "source", "tree", ["n01440764", "n02123045"], 6))
    source = open_source(config.source)
    build_index(source, root, Silent())
    select_images(root, source, config, load_taxonomy(), root, Silent())
    return root


@pytest.fixture(scope="session")
def ids(selected: Path) -> list[str]:
    return [row.ref.image_id for row in read_rows(selected / SELECTION_FILE, SelectedImage)]
