"""Files of a dataset on the Hugging Face hub: which there are, and their bytes, by HTTP and without a cache.

``huggingface_hub`` finds the token (``HF_TOKEN``, or what ``hf auth login`` stored), the address (``HF_ENDPOINT``) and
the proxies. The hub answers a request for a large file with a redirect to a signed address elsewhere; the HTTP client
leaves the token out of a request to another host, and every request asks the hub anew, since signatures expire.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote, unquote

from pipeline.sources.entries import printable
from schemas.config import HUB_SCHEME
from schemas.errors import SourceError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Answer = TypeVar("Answer")

WAITS = (1, 2, 4, 8, 16, 32, 60, 60)
"""Seconds before each further attempt, counted from the last byte that came. Then the hub counts as out of reach."""

FIRST_WAITS = WAITS[:3]
"""The same before anything was listed, when somebody waits who may have mistyped an address."""

LONGEST_WAIT = 600
"""Seconds, at most, that the hub may ask for itself (``Retry-After``)."""

RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same request can succeed. A connection that breaks is another such case."""

TIMEOUT = 60
"""Seconds without a byte after which a connection counts as broken."""

_REF = re.compile("refs/(?:pr|convert)/[^/%]+")
_ADDRESS = re.compile(HUB_SCHEME + rf"datasets/([^/@]+/[^/@]+)(?:@({_REF.pattern}|[^/]+))?(/.*)?")
_COMMIT = re.compile("[0-9a-f]{40,64}")
_LOGIN = re.compile("//[^/]*@")
_NO_HUB = "check HF_ENDPOINT, and whether a proxy or a login page stands between"
_ON_AGAIN = "run the same command again once it answers: it goes on where it stopped"


class Place(NamedTuple):
    """``hf://datasets/OWNER/NAME[@REVISION][/FOLDER]``."""

    repo: str
    revision: str | None
    folder: str
    """Empty, or with a slash at its end."""

    @classmethod
    def parse(cls, url: str) -> Place:
        """Read an address.

        A slash in a revision's name is written ``%2F``, but for ``refs/convert/parquet`` and its like.

        Raises:
            SourceError: it is none of a dataset.
        """
        match = _ADDRESS.fullmatch(url)
        if match is None:
            raise SourceError(
                f"{url} is no address of a dataset",
                f"write {HUB_SCHEME}datasets/OWNER/NAME, or {HUB_SCHEME}datasets/OWNER/NAME@REVISION/FOLDER",
            )
        repo, revision, folder = match.groups(default="")
        folder = folder.strip("/")
        return cls(repo, unquote(revision) or None, f"{folder}/" if folder else "")

    def __str__(self) -> str:
        """The address again."""
        revision = self.revision or ""
        if revision:
            revision = "@" + (revision if _REF.fullmatch(revision) else quote(revision, safe=""))
        return f"{HUB_SCHEME}datasets/{self.repo}{revision}/{self.folder}".rstrip("/")


class HubFile(NamedTuple):
    """A file of the place's folder."""

    name: str
    """Relative to the folder."""
    size: int
    digest: str
    """SHA-256 of a large file, git's object id of a small one."""


class HubFiles:
    """The files of a place at one commit."""

    def __init__(self, place: Place, commit: str) -> None:
        self.place = place
        self.commit = commit

    @classmethod
    def at(cls, place: Place) -> HubFiles:
        """Ask which commit the place's revision is at now.

        Raises:
            SourceError: there is no such dataset or revision, or not for this user, or the hub cannot be reached.
        """
        info = _call(
            lambda: _api().dataset_info(place.repo, revision=place.revision, timeout=TIMEOUT), place, place.repo
        )
        if info.id != place.repo:
            raise SourceError(
                f"{place}: the dataset is called {info.id} now",
                f"set source.path to {place._replace(repo=info.id)}",
            )
        if info.sha is None or not _COMMIT.fullmatch(info.sha):  # folders are named after it
            raise SourceError(f"{place}: the hub does not say at which commit it is", _NO_HUB)
        return cls(place, info.sha)

    def files(self) -> list[HubFile]:
        """All files, in the order of their names.

        Raises:
            SourceError: as :meth:`at`, or there is no such folder.
        """
        from huggingface_hub.hf_api import RepoFile  # noqa: PLC0415 - takes its time, and only the hub needs it

        folder = self.place.folder

        def ask() -> list[HubFile]:
            tree = _api().list_repo_tree(
                self.place.repo, folder.rstrip("/") or None, recursive=True, revision=self.commit, repo_type="dataset"
            )
            return [
                HubFile(entry.path.removeprefix(folder), entry.size, entry.lfs.sha256 if entry.lfs else entry.blob_id)
                for entry in tree
                if isinstance(entry, RepoFile)
            ]

        return sorted(_call(ask, self.place, folder or self.place.repo))

    def read(self, name: str, offset: int, length: int) -> bytes:
        """Some bytes of a file, all of which it has.

        Raises:
            SourceError: as :meth:`stream`.
        """
        return b"".join(self.stream(name, offset, offset + length))

    def stream(self, name: str, start: int, end: int) -> Generator[bytes]:
        """The bytes of a file from ``start`` to ``end``, in pieces.

        A connection that breaks is opened again behind the last byte that came.

        Raises:
            SourceError: the file is gone, may not be read, or the hub cannot be reached any more.
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
            except _error_classes() as error:
                wait, problem = _judge(error, self.place, printable(name))
            if position < end:
                _pause(WAITS[failures:], wait, problem, self.place, printable(name))
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
                raise SourceError(f"{self.place}: {printable(name)} cannot be read: {problem}", _NO_HUB)
            left = end - start
            for piece in response.iter_raw():  # read to its end, the connection serves the next request too
                if left > 0:
                    yield piece[:left]
                elif response.status_code != HTTPStatus.PARTIAL_CONTENT:
                    return
                left -= len(piece)


def _find_fault(response: Any, start: int, end: int) -> str:
    """Why an answer is not that to a request for bytes ``start`` to ``end``, if so (RFC 9110, section 14.4)."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        is_right = str(response.headers.get("Content-Range", "")).startswith(f"bytes {start}-")
        return "" if is_right else "the server gives other bytes than it is asked for"
    if start:
        return "the server ignores ranges"
    return "the answer is too short for it" if int(response.headers.get("Content-Length", end)) < end else ""


def _api() -> HfApi:
    from huggingface_hub import HfApi  # noqa: PLC0415 - takes its time, and only the hub needs it

    return HfApi()


def _error_classes() -> tuple[type[Exception], ...]:
    """All that ``huggingface_hub`` and its HTTP client raise before they look at an answer."""
    from huggingface_hub import errors  # noqa: PLC0415 - takes its time, and only the hub needs it

    return (errors.HTTPError, errors.HFValidationError, errors.OfflineModeIsEnabled, UnicodeEncodeError)  # type: ignore[attr-defined]


def _call(request: Callable[[], Answer], place: Place, what: str) -> Answer:
    """Ask the hub something small, a few times.

    Raises:
        SourceError: it refuses, or cannot be reached.
    """
    failures = 0
    while True:
        try:
            return request()
        except _error_classes() as error:
            wait, problem = _judge(error, place, what)
        except (ValueError, TypeError, KeyError) as error:  # what huggingface_hub makes of any page but the hub's
            raise SourceError(f"{place}: what answers is no hub", _NO_HUB) from error
        _pause(FIRST_WAITS[failures:], wait, problem, place, what)
        failures += 1


def _pause(waits: Sequence[int], wait: float, problem: str, place: Place, what: str) -> None:
    if not waits:
        raise SourceError(f"{place}: {what} cannot be had from the hub ({problem})", _ON_AGAIN)
    time.sleep(max(wait, waits[0]))


def _judge(error: Exception, place: Place, what: str) -> tuple[float, str]:
    """Seconds to wait, at least, before the request is made again, and why; addresses, being signed, are not repeated.

    Raises:
        SourceError: asking again is of no use.
    """
    from huggingface_hub import constants, errors  # noqa: PLC0415 - takes its time, and only the hub needs it

    for kind, problem, remedy in _refusals(place, what):
        if isinstance(error, kind):
            raise SourceError(f"{place}: {problem}", remedy) from error
    if not constants.ENDPOINT.startswith(("https://", "http://")):
        raise SourceError(f"{place}: HF_ENDPOINT is no web address", "write it with https://, or unset it") from error
    if not isinstance(error, errors.HfHubHTTPError):
        return 0.0, type(error).__name__
    status = error.response.status_code
    if status in RETRIED:
        return _asked_for(error.response.headers), _name(status)
    remedy = "check that HF_TOKEN is valid and may read this dataset" if status in (401, 403) else ""
    raise SourceError(f"{place}: {what}: the hub answers {_name(status)}", remedy) from error


def _refusals(place: Place, what: str) -> tuple[tuple[type[Exception], str, str], ...]:
    """Errors after which nobody need ask again, special ones first: what is wrong, and the remedy."""
    from huggingface_hub import constants, errors  # noqa: PLC0415 - takes its time, and only the hub needs it

    page = f"{_LOGIN.sub('//', constants.ENDPOINT)}/datasets/{place.repo}"
    return (
        (UnicodeEncodeError, "the token holds characters that no token has", "check HF_TOKEN"),
        (errors.HFValidationError, "the hub can have no dataset of this name", "check source.path"),
        (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE is set", "unset it, or set source.path to a folder"),
        (errors.GatedRepoError, "access is gated", f"accept the terms on {page}, and set HF_TOKEN"),
        (errors.DisabledRepoError, "the hub has disabled this dataset", f"see {page}"),
        (
            errors.RepositoryNotFoundError,
            "the hub has no such dataset, or not for you",
            "check source.path, or set HF_TOKEN",
        ),
        (
            errors.RevisionNotFoundError,
            f"it has no revision {place.revision or 'main'} (any more)",
            "check source.path, or start a new run directory",
        ),
        (errors.RemoteEntryNotFoundError, f"it has no {what.rstrip('/')}", "check the folder in source.path"),
    )


def _name(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _asked_for(headers: Mapping[str, str]) -> float:
    """Seconds that the hub asks for: ``Retry-After``, or what it says of a used-up rate limit."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # noqa: PLC0415 - exported lazily
        parse_ratelimit_headers,
    )

    limit = parse_ratelimit_headers(headers)
    after = headers.get("Retry-After", "")
    seconds = int(after) if after.isdecimal() else 0  # a date, which the hub does not send, counts as none
    if limit is not None and limit.remaining == 0:
        seconds = max(seconds, limit.reset_in_seconds + 1)
    return float(min(seconds, LONGEST_WAIT))
