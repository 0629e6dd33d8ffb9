"""Files of a dataset on the hub: which there are, and their bytes, by HTTP and without a cache.

``huggingface_hub`` finds the token (``HF_TOKEN``, or what ``hf auth login`` stored), the address (``HF_ENDPOINT``) and
the proxies. The hub answers a request for a large file with a redirect to a signed address elsewhere; the HTTP client
leaves the token out of a request to another host, and every request asks the hub anew, since signatures expire.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from pipeline.hub import asking
from pipeline.hub.asking import Asker, connect
from pipeline.hub.place import Place
from pipeline.hub.purpose import Purpose
from pipeline.hub.refusals import NO_HUB, error_classes
from pipeline.lines import printable

TIMEOUT = 60
"""Seconds without a byte after which a connection counts as broken."""

_COMMIT = re.compile("[0-9a-f]{40,64}")


class HubFile(NamedTuple):
    """A file of the place's folder."""

    name: str
    """Relative to the folder."""
    size: int
    digest: str
    """SHA-256 of a large file, git's object id of a small one."""


class HubFiles:
    """The files of a place at one commit."""

    def __init__(self, place: Place, commit: str, purpose: Purpose, *, patient: bool = False) -> None:
        """Nothing is asked yet; ``patient`` is for lists, as in :meth:`Asker.call`."""
        self.place = place
        self.commit = commit
        self._purpose = purpose
        self._asker = Asker(place, purpose)
        self._patient = patient

    @classmethod
    def at(cls, place: Place, purpose: Purpose) -> HubFiles:
        """Ask which commit the place's revision is at now.

        Raises:
            ImageNetThinkError: there is no such dataset or revision, or not for this user, or the hub cannot be
                reached.
        """
        info = Asker(place, purpose).call(
            lambda: connect().dataset_info(place.repo, revision=place.revision, timeout=TIMEOUT), place.repo
        )
        if info.id != place.repo:
            raise purpose.refuse(
                f"{place}: the dataset is called {info.id} now",
                f"set {purpose.setting} to {place._replace(repo=info.id)}",
            )
        return cls(place, check_commit(info.sha, place, purpose), purpose)

    def files(self) -> list[HubFile]:
        """All files, in the order of their names.

        Raises:
            ImageNetThinkError: as :meth:`at`, or there is no such folder.
        """
        from huggingface_hub.hf_api import RepoFile  # noqa: PLC0415 - takes its time, and only the hub needs it

        folder = self.place.folder

        def ask() -> list[HubFile]:
            tree = connect().list_repo_tree(
                self.place.repo, folder.rstrip("/") or None, recursive=True, revision=self.commit, repo_type="dataset"
            )
            return [
                HubFile(entry.path.removeprefix(folder), entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)
                for entry in tree
                if isinstance(entry, RepoFile)
            ]

        return sorted(self._asker.call(ask, folder or self.place.repo, patient=self._patient))

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Some bytes of a file, all of which it has.

        Raises:
            ImageNetThinkError: as :meth:`stream`.
        """
        return b"".join(self.stream(name, offset, offset + length))

    def stream(self, name: str, start: int, end: int) -> Generator[bytes]:
        """The bytes of a file from ``start`` to ``end``, in pieces.

        A connection that breaks is opened again behind the last byte that came.

        Raises:
            ImageNetThinkError: the file is gone, may not be read, or the hub cannot be reached any more.
        """
        position = start
        failures = 0
        while position < end:
            wait = 0.0
            try:
                for piece in self._request(name, position, end):
                    failures = 0
                    position += len(piece)
                    yield piece
                problem = "the connection ended too early"
            except error_classes() as error:
                wait, problem = self._asker.judge(error, printable(name))
            if position < end:
                self._asker.pause(asking.WAITS[failures:], wait, problem, printable(name))
                failures += 1

    def _request(self, name: str, start: int, end: int) -> Iterator[bytes]:
        from huggingface_hub import constants, get_session, hf_raise_for_status  # noqa: PLC0415 - takes its time, and only the hub needs it
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # noqa: PLC0415 - exported lazily

        path = quote(self.place.folder + name)
        url = f"{constants.ENDPOINT}/datasets/{self.place.repo}/resolve/{self.commit}/{path}"
        headers = build_hf_headers(headers={"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"})
        with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as response:
            hf_raise_for_status(response)
            if problem := _find_fault(response, start, end):
                raise self._purpose.refuse(f"{self.place}: {printable(name)} cannot be read: {problem}", NO_HUB)
            left = end - start
            for piece in response.iter_raw():  # read to its end, the connection serves the next request too
                if left > 0:
                    yield piece[:left]
                elif response.status_code != HTTPStatus.PARTIAL_CONTENT:
                    return
                left -= len(piece)


def check_commit(sha: str | None, place: Place, purpose: Purpose) -> str:
    """A commit's name as the hub gave it, which folders may be named after.

    Raises:
        ImageNetThinkError: it is none.
    """
    if sha is None or not _COMMIT.fullmatch(sha):
        raise purpose.refuse(f"{place}: the hub does not say at which commit it is", NO_HUB)
    return sha


def _find_fault(response: Any, start: int, end: int) -> str:
    """Why an answer is not that to a request for bytes ``start`` to ``end``, if so (RFC 9110, section 14.4)."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        is_right = str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")
        return "" if is_right else "the server gives other bytes than it is asked for"
    if start:
        return "the server ignores ranges"
    return "the answer is too short for it" if int(response.headers.get("Content-Length", end)) < end else ""
