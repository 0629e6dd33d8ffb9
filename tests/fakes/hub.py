"""The parts of the Hugging Face hub that say where models and datasets stand, and give datasets' files.

Large files are given as the real hub does: by a redirect to another host with a signed address, which must not see the
token. Small ones (by git's account) come from the hub itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"

LARGE = 4096
"""Bytes from which on a file is stored elsewhere."""

PAGE = 3
"""Entries of a folder's listing on one page; the real hub has 1,000."""


class Request(NamedTuple):
    """A request as it came."""

    host: str
    """``hub`` or ``store``."""
    path: str
    range: str | None
    authorization: str | None


@dataclass
class Dataset:
    """A dataset repository: folders by commit, commits by branch."""

    history: dict[str, Path]
    branches: dict[str, str]
    token: str | None = None
    """Who does not send it is told that there is no such dataset."""

    @classmethod
    def of(cls, folder: Path, commit: str = COMMIT, token: str | None = None) -> Dataset:
        """One commit, on ``main``."""
        return cls({commit: folder}, {"main": commit}, token)


@dataclass
class Script:
    """What goes wrong, and what was asked."""

    cuts: list[int] = field(default_factory=list)
    """Bytes after which the connections of the next answers out of the store break, one each."""
    statuses: list[int] = field(default_factory=list)
    """Statuses of the next answers to requests for files, instead of the files; 200 stands for the file."""
    pages: list[bytes] = field(default_factory=list)
    """What something between gives instead of the next files."""
    ignores_ranges: bool = False
    requests: list[Request] = field(default_factory=list)

    def ranges(self) -> list[str | None]:
        """What was asked of the store, in order."""
        return [request.range for request in self.requests if request.host == "store"]


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
    script = script or Script()
    store = _Store(("127.0.0.1", 0), script)
    hub = _Hub(("127.0.0.1", 0), script, store)
    hub.missing, hub.gated, hub.barred, hub.renamed = missing or set(), gated or set(), barred or set(), renamed or {}
    hub.datasets = {
        name: Dataset.of(dataset) if isinstance(dataset, Path) else dataset
        for name, dataset in (datasets or {}).items()
    }
    with _running(store), _running(hub):
        yield hub.address


@contextlib.contextmanager
def serve_page(page: bytes) -> Iterator[str]:
    """Answer whatever is asked for with one page, as a portal does, and yield the address."""

    class Portal(_Handler):
        def do_GET(self) -> None:
            self.answer(200, page)

    server = _Server(("127.0.0.1", 0), Portal)
    with _running(server):
        yield server.address


@contextlib.contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5  # seconds for which an idle connection is kept
    disable_nagle_algorithm = True  # else each body waits for its header to be acknowledged
    host = ""

    def record(self) -> None:
        assert isinstance(self.server, (_Hub, _Store))
        headers = self.headers
        self.server.script.requests.append(
            Request(self.host, self.path, headers.get("Range"), headers.get("Authorization"))
        )

    def answer(self, status: int, content: object, headers: Mapping[str, str] | None = None) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _StoreHandler(_Handler):
    """Gives bytes to whoever brings a signature."""

    host = "store"
    server: _Store

    def do_GET(self) -> None:
        self.record()
        where = urlsplit(self.path)
        data = self.server.files[where.path.removeprefix("/")].read_bytes()
        if parse_qs(where.query).get("signature") != ["valid"]:
            self.answer(403, {"error": "no signature"})
            return
        script = self.server.script
        status, body, headers = _cut_out(data, None if script.ignores_ranges else self.headers.get("Range"))
        if script.cuts and script.cuts[0] < len(body):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: script.cuts.pop(0)])
            self.close_connection = True
        else:
            self.answer(status, body, headers)


class _HubHandler(_Handler):
    host = "hub"
    server: _Hub

    def do_GET(self) -> None:
        self.record()
        where = urlsplit(self.path)
        if match := re.fullmatch(
            r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(?:/(.*))?)?", where.path
        ):
            kind, name, what, revision, folder = match.groups()
            if self._refuses(name):
                return
            if kind == "models":
                self.answer(200, {"id": name, "modelId": name, "sha": COMMIT, "siblings": [], "tags": []})
            else:
                query = {key: values[0] for key, values in parse_qs(where.query).items()}
                self._describe(name, what, unquote(revision or "main"), unquote(folder or ""), query)
        elif match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", where.path):
            name, revision, path = match.groups()
            if not self._refuses(name):
                self._give(name, unquote(revision), unquote(path))
        else:
            self.answer(404, {"error": "no such page"})

    def _refuses(self, name: str) -> bool:
        server = self.server
        dataset = server.datasets.get(name)
        is_hidden = dataset is not None and dataset.token not in (None, self._token())
        if name in server.renamed:
            new = server.renamed[name]
            self.answer(307, {}, {"Location": self.path.replace(name, new)})
        elif (
            name in server.missing
            or is_hidden
            or ("/datasets/" in self.path and dataset is None and not self._named(name))
        ):
            self.answer(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif name in server.gated:
            self.answer(403, {"error": "Access to model is restricted"}, {"X-Error-Code": "GatedRepo"})
        elif name in server.barred:
            reason = "Invalid credentials in Authorization header"
            self.answer(401, {"error": reason}, {"X-Error-Message": reason})
        else:
            return False
        return True

    def _named(self, name: str) -> bool:
        return name in self.server.gated | self.server.barred

    def _token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def _commit(self, name: str, revision: str) -> str | None:
        dataset = self.server.datasets[name]
        commit = dataset.branches.get(revision, revision)
        if commit in dataset.history:
            return commit
        self.answer(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
        return None

    def _describe(self, name: str, what: str | None, revision: str, folder: str, query: Mapping[str, str]) -> None:
        commit = self._commit(name, revision)
        if commit is None:
            return
        if what != "tree":
            self.answer(200, {"id": name, "sha": commit, "siblings": [], "tags": [], "private": False})
            return
        entries = _list(self.server.datasets[name].history[commit], folder)
        if entries is None:
            self.answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        start = int(query.get("cursor", 0))
        headers = {}
        if start + PAGE < len(entries):
            page = f"{self.server.address}{urlsplit(self.path).path}?recursive=True&cursor={start + PAGE}"
            headers["Link"] = f'<{page}>; rel="next"'
        self.answer(200, entries[start : start + PAGE], headers)

    def _give(self, name: str, revision: str, path: str) -> None:
        if self.server.script.pages:
            self.answer(200, self.server.script.pages.pop(0))
            return
        statuses = self.server.script.statuses
        if statuses and (status := statuses.pop(0)) != HTTPStatus.OK:
            self.answer(status, {"error": "as the script says"}, {"Retry-After": "0"})
            return
        commit = self._commit(name, revision)
        if commit is None:
            return
        file = self.server.datasets[name].history[commit] / path
        if not file.is_file():
            self.answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        data = file.read_bytes()
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if len(data) < LARGE:
            status, body, more = _cut_out(data, self.headers.get("Range"))
            self.answer(status, body, {**headers, **more})
            return
        digest = hashlib.sha256(data).hexdigest()
        self.server.store.files[digest] = file
        linked = {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{digest}"'}
        place = f"{self.server.store.address}/{digest}?signature=valid"
        self.answer(302, b"", {**headers, **linked, "Location": place})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Store(_Server):
    def __init__(self, address: tuple[str, int], script: Script) -> None:
        super().__init__(address, _StoreHandler)
        self.script = script
        self.files: dict[str, Path] = {}


class _Hub(_Server):
    missing: set[str]
    gated: set[str]
    barred: set[str]
    renamed: Mapping[str, str]
    datasets: Mapping[str, Dataset]

    def __init__(self, address: tuple[str, int], script: Script, store: _Store) -> None:
        super().__init__(address, _HubHandler)
        self.script = script
        self.store = store


def _list(root: Path, folder: str) -> list[dict[str, object]] | None:
    if not (root / folder).is_dir():
        return None
    entries: list[dict[str, object]] = []
    for path in sorted((root / folder).rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir():
            entries.append(
                {"type": "directory", "oid": hashlib.sha1(name.encode()).hexdigest(), "size": 0, "path": name}
            )
            continue
        data = path.read_bytes()
        blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
        entry: dict[str, object] = {"type": "file", "oid": blob, "size": len(data), "path": name}
        if len(data) >= LARGE:
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
        entries.append(entry)
    return entries


def _cut_out(data: bytes, asked: str | None) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an answer to a request for a range (RFC 9110, section 14)."""
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "")
    if match is None:
        return 200, data, {"ETag": '"whole"'}
    start = int(match[1])
    end = min(int(match[2]) + 1 if match[2] else len(data), len(data))
    if start >= len(data):
        return 416, b"", {"Content-Range": f"bytes */{len(data)}"}
    return 206, data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
