"""The parts of the Hugging Face hub that say where models and datasets stand, give datasets' files, and take them.

Large files are given and taken as the real hub does: by way of another host with a signed address, which must not see
the token. Small ones come from the hub itself, and go to it inside a commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.fakes.hub.repository import COMMIT, LARGE, Account, Dataset
from tests.fakes.hub.script import Request, Script
from tests.fakes.hub.server import Handler, Hub, Server, Store, running
from tests.fakes.hub.storing import StoreHandler
from tests.fakes.hub.writing import HubHandler

__all__ = [
    "COMMIT",
    "LARGE",
    "Account",
    "Dataset",
    "Hub",
    "Request",
    "Script",
    "run_hub",
    "serve_hub",
    "serve_page",
]


@contextlib.contextmanager
def serve_hub(
    *,
    missing: set[str] | None = None,
    gated: set[str] | None = None,
    barred: set[str] | None = None,
    renamed: Mapping[str, str] | None = None,
    datasets: Mapping[str, Path | Dataset] | None = None,
    script: Script | None = None,
) -> Iterator[str]:
    """Run a hub that knows every model but those named, and the given datasets, and yield its address.

    Args:
        missing: answered as repositories that do not exist.
        gated: answered as repositories whose terms were not accepted.
        barred: answered as with a token that is no longer valid.
        renamed: datasets' old names, with the new ones.
        datasets: by name; a folder stands for a dataset with one commit.
        script: what goes wrong with files, and a record of what was asked.
    """
    with run_hub(datasets=datasets, script=script) as hub:
        hub.missing, hub.gated, hub.barred = missing or set(), gated or set(), barred or set()
        hub.renamed = renamed or {}
        yield hub.address


@contextlib.contextmanager
def run_hub(
    *,
    scratch: Path | None = None,
    accounts: Mapping[str, Account] | None = None,
    datasets: Mapping[str, Path | Dataset] | None = None,
    script: Script | None = None,
) -> Iterator[Hub]:
    """Run a hub that can also be written to, and yield it.

    Args:
        scratch: an empty folder for what is uploaded; without, nothing can be.
        accounts: users by their tokens; with any, other tokens are invalid.
        datasets: see :func:`serve_hub`.
        script: see :func:`serve_hub`.
    """
    script = script or Script()
    store = Store(("127.0.0.1", 0), StoreHandler, script, scratch)
    hub = Hub(("127.0.0.1", 0), HubHandler, script, store)
    hub.accounts = accounts or {}
    hub.datasets = {
        name: Dataset.of(dataset) if isinstance(dataset, Path) else dataset
        for name, dataset in (datasets or {}).items()
    }
    with running(store), running(hub):
        yield hub


@contextlib.contextmanager
def serve_page(page: bytes) -> Iterator[str]:
    """Answer whatever is asked for with one page, as a portal does, and yield the address."""

    class Portal(Handler):
        def get(self) -> None:
            self.answer(200, page)

    server = Server(("127.0.0.1", 0), Portal)
    with running(server):
        yield server.address
