"""What the hub answers to those who only look."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.fakes.hub.repository import COMMIT, Account, describe, is_large, list_folder
from tests.fakes.hub.server import Handler, Hub, cut_out

PAGE = 3
"""Entries of a folder's listing on one page; the real hub has 1,000."""

API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/([a-z-]+)(?:/([^/]+)(?:/(.*))?)?)?")
RESOLVE = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")


class Reading(Handler):
    """Says what there is, and gives files."""

    host = "hub"
    server: Hub

    def get(self) -> None:
        self.record()
        where = urlsplit(self.path)
        if where.path == "/api/whoami-v2":
            self._say_who()
        elif match := API.fullmatch(where.path):
            kind, name, what, revision, folder = match.groups()
            if self.refuses(name):
                return
            if kind == "models":
                self.answer(200, {"id": name, "modelId": name, "sha": COMMIT, "siblings": [], "tags": []})
            elif what == "refs":
                self._list_refs(name)
            else:
                query = {key: values[0] for key, values in parse_qs(where.query).items()}
                self._describe(name, what, unquote(revision or "main"), unquote(folder or ""), query)
        elif match := RESOLVE.fullmatch(where.path):
            name, revision, path = match.groups()
            if not self.refuses(name):
                self._give(name, unquote(revision), unquote(path))
        else:
            self.answer(404, {"error": "no such page"})

    def refuses(self, name: str) -> bool:
        """Answer for repositories that are not to be had."""
        server = self.server
        dataset = server.datasets.get(name)
        is_hidden = dataset is not None and dataset.token not in (None, self.token())
        if name in server.renamed:
            new = server.renamed[name]
            self.answer(307, {}, {"Location": self.path.replace(name, new)})
        elif name in server.barred or (server.accounts and self.token() and self.account() is None):
            reason = "Invalid credentials in Authorization header"
            self.answer(401, {"error": reason}, {"X-Error-Message": reason})
        elif (
            name in server.missing
            or is_hidden
            or ("/datasets/" in self.path and dataset is None and name not in server.gated)
        ):
            self.answer(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        elif name in server.gated or (dataset and dataset.gated and "/resolve/" in self.path and not self.owns(name)):
            self.answer(403, {"error": "Access to it is restricted"}, {"X-Error-Code": "GatedRepo"})
        else:
            return False
        return True

    def token(self) -> str:
        """What was sent with the request."""
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def account(self) -> Account | None:
        """Whose it is."""
        return self.server.accounts.get(self.token())

    def owns(self, name: str) -> bool:
        """Whether the sender may write to a repository."""
        account = self.account()
        return account is not None and account.may_write(name.partition("/")[0])

    def resolve(self, name: str, revision: str) -> str | None:
        """The commit, or ``None`` once it was answered that there is none."""
        commit = self.server.datasets[name].resolve(revision)
        if commit is None:
            self.answer(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
        return commit

    def _say_who(self) -> None:
        account = self.account()
        if account is None:
            self.answer(401, {"error": "Invalid user token"}, {"X-Error-Message": "Invalid user token."})
            return
        auth = {"type": "access_token", "accessToken": {"displayName": "a token", "role": account.role}}
        self.answer(200, {"type": "user", "name": account.name, "orgs": [], "auth": auth})

    def _list_refs(self, name: str) -> None:
        dataset = self.server.datasets[name]
        kinds = {"branches": ("heads", dataset.branches), "tags": ("tags", dataset.tags), "converts": ("convert", {})}
        self.answer(
            200,
            {
                kind: [
                    {"name": ref, "ref": f"refs/{prefix}/{ref}", "targetCommit": commit} for ref, commit in refs.items()
                ]
                for kind, (prefix, refs) in kinds.items()
            },
        )

    def _describe(self, name: str, what: str | None, revision: str, folder: str, query: Mapping[str, str]) -> None:
        commit = self.resolve(name, revision)
        if commit is None:
            return
        dataset = self.server.datasets[name]
        lists = self.server.script.lists
        if what == "tree" and lists and "cursor" not in query and (status := lists.pop(0)) != HTTPStatus.OK:
            self.answer(status, {"error": "as the script says"}, {"Retry-After": "0"})
            return
        if what != "tree":
            files = list_folder(dataset.history[commit], "", recursive=True) or []
            names = [{"rfilename": entry["path"]} for entry in files if entry["type"] == "file"]
            private = dataset.token is not None
            about = {"id": name, "sha": commit, "siblings": names, "tags": [], "private": private}
            self.answer(200, {**about, "gated": dataset.gated})
            return
        entries = list_folder(
            dataset.history[commit], folder, recursive="recursive" in query and query["recursive"] != "false"
        )
        if entries is None:
            self.answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            return
        start = int(query.get("cursor", 0))
        headers = {}
        if start + PAGE < len(entries):
            others = "&".join(f"{key}={value}" for key, value in query.items() if key != "cursor")
            page = f"{self.server.address}{urlsplit(self.path).path}?{others}&cursor={start + PAGE}"
            headers["Link"] = f'<{page}>; rel="next"'
        self.answer(200, entries[start : start + PAGE], headers)

    def list_paths(self, name: str, revision: str, paths: list[str]) -> None:
        """Answer what is known of some paths."""
        commit = self.resolve(name, revision)
        if commit is not None:
            root = self.server.datasets[name].history[commit]
            self.answer(200, [describe(root, root / path) for path in paths if path and (root / path).exists()])

    def _give(self, name: str, revision: str, path: str) -> None:
        script = self.server.script
        if script.pages:
            self.answer(200, script.pages.pop(0))
            return
        if script.statuses and (status := script.statuses.pop(0)) != HTTPStatus.OK:
            self.answer(status, {"error": "as the script says"}, {"Retry-After": "0"})
            return
        commit = self.resolve(name, revision)
        if commit is None:
            return
        file = self.server.datasets[name].history[commit] / path
        if file.is_file():
            self._give_file(file, path, commit)
        else:
            self.answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})

    def _give_file(self, file: Path, path: str, commit: str) -> None:
        data = file.read_bytes()
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        if not is_large(path, len(data)):
            status, body, more = cut_out(data, self.headers.get("Range"))
            etag = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
            self.answer(status, body, {**headers, **more, **etag})
            return
        digest = hashlib.sha256(data).hexdigest()
        self.server.store.files[digest] = file
        linked = {"X-Linked-Size": str(len(data)), "X-Linked-ETag": f'"{digest}"'}
        place = f"{self.server.store.address}/{digest}?signature=valid"
        self.answer(302, b"", {**headers, **linked, "Location": place})
