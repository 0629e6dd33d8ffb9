"""A hub on this machine that takes what its owner publishes, and the real clients, led to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import close_session
from huggingface_hub.utils import _http

from pipeline.hub import asking
from pipeline.packing.sidecars import MANIFEST_FILE
from pipeline.publishing.publish import PublishOptions
from schemas.manifest import DatasetManifest
from tests.fakes.hub import Account, Hub, Script, run_hub
from tests.fakes.hub_client import client_of
from tests.pipeline.packing.world import World, make_world

OWNER, REPO = "someone", "someone/thoughts"
TOKEN = "hf_" + "w" * 34
READER = "hf_" + "r" * 34
STRANGER = "hf_" + "s" * 34
LIMITED = "hf_" + "l" * 34
ACCOUNTS = {
    TOKEN: Account(OWNER),
    READER: Account(OWNER, "read"),
    STRANGER: Account("else"),
    LIMITED: Account(OWNER, "fineGrained", writes=False),
}
OPTIONS = PublishOptions(REPO)
WITH_IMAGES = PublishOptions(REPO, include_images=True, accept_imagenet_terms=True)


class _Unhurried:
    """Time for ``huggingface_hub``, which waits between its own attempts."""

    @staticmethod
    def sleep(seconds: float) -> None:
        pass


@contextmanager
def world_of(directory: Path, script: Script | None = None, token: str | None = TOKEN) -> Iterator[Hub]:
    """A hub, and clients that ask it and wait for nothing.

    Args:
        directory: where it keeps what is uploaded.
        script: what goes wrong.
        token: what ``HF_TOKEN`` says.
    """
    with (
        run_hub(scratch=directory / "hub", accounts=ACCOUNTS, script=script) as hub,
        client_of(hub.address, directory / "home"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(asking, "WAITS", (0,) * 8)
        patch.setattr(asking, "FIRST_WAITS", (0,) * 3)
        patch.setattr(_http, "time", _Unhurried)
        if token is not None:
            patch.setenv("HF_TOKEN", token)
        yield hub
        close_session()


def manifest_of(folder: Path) -> DatasetManifest:
    """What a folder's manifest says."""
    return DatasetManifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())


def larger(directory: Path, train: int = 18) -> World:
    """The packed world with more images."""
    world = make_world(directory / "larger", train=train, benchmark=3)
    world.images_per_shard = 6
    world.pack()
    return world
