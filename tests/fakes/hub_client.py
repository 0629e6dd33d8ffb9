"""The real clients of the hub, led to a fake one.

Both read their environment once, when they are imported, and keep what they have read of a hub for as long as the
process lives: so they are told here, in the process that has them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest
from huggingface_hub import HfFileSystem, constants

_RESOLVE = "/{repo_id}/resolve/{revision}/{filename}"


@contextlib.contextmanager
def client_of(address: str, home: Path) -> Iterator[None]:
    """Let ``huggingface_hub`` and ``datasets`` ask one hub, without a token, and keep what they fetch in a folder.

    Args:
        address: the hub's.
        home: takes the place of ``HF_HOME``.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "ENDPOINT": address,
            "HUGGINGFACE_CO_URL_TEMPLATE": address + _RESOLVE,
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_CACHE": str(home / "hub"),
            "HF_TOKEN_PATH": str(home / "token"),
            "HF_STORED_TOKENS_PATH": str(home / "stored_tokens"),
        }.items():
            patch.setattr(constants, name, value)
        for name, place in {
            "HF_ENDPOINT": address,
            "HF_HUB_OFFLINE": False,
            "HF_DATASETS_CACHE": home / "datasets",
            "HF_MODULES_CACHE": home / "modules",
            "STREAMING_READ_RETRY_INTERVAL": 0,
        }.items():
            patch.setattr(datasets.config, name, place)
        for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
            patch.delenv(name, raising=False)
        HfFileSystem.clear_instance_cache()
        try:
            yield
        finally:
            HfFileSystem.clear_instance_cache()
