"""What the hub does for those who may write: repositories, uploads, commits, branches, tags."""

from __future__ import annotations

import base64
import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from tests.fakes.hub.reading import API, Reading
from tests.fakes.hub.repository import Dataset, is_large, object_id

_BATCH = re.compile(r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch")


class HubHandler(Reading):
    """The whole hub."""

    def post(self) -> None:
        self.record()
        body = b"".join(self.pieces())
        path = urlsplit(self.path).path
        if path == "/api/validate-yaml":
            self._validate(json.loads(body)["content"])
        elif (match := API.fullmatch(path)) and match[3] == "paths-info":
            if not self.refuses(match[2]):
                self.list_paths(match[2], unquote(match[4]), parse_qs(body.decode()).get("paths", []))
        elif self._fails():
            return
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif match := _BATCH.fullmatch(path):
            if self._may_write(match[1]):
                self._plan_uploads(json.loads(body))
        elif match := API.fullmatch(path):
            _, name, what, revision, _ = match.groups()
            if self._may_write(name):
                with self.server.lock:
                    self._write(name, what, unquote(revision or ""), body)
        else:
            self.answer(404, {"error": "no such page"})

    def put(self) -> None:
        self.record()
        body = json.loads(b"".join(self.pieces()))
        match = API.fullmatch(urlsplit(self.path).path)
        if match is None or match[3] != "settings":
            self.answer(404, {"error": "no such page"})
        elif not self._fails() and self._may_write(match[2]):
            dataset = self.server.datasets[match[2]]
            if not self.server.script.opens_gates:
                dataset.gated = body.get("gated", dataset.gated)
            if "visibility" in body:
                dataset.token = self.token() if body["visibility"] == "private" else None
            self.answer(200, {})

    def _fails(self) -> bool:
        """Answer as the script says, if it says anything."""
        writes = self.server.script.writes
        if not writes or (status := writes.pop(0)) == HTTPStatus.OK:
            return False
        self.answer(status, {"error": "as the script says"}, {"Retry-After": "0"})
        return True

    def _may_write(self, name: str) -> bool:
        if self.refuses(name):
            return False
        if not self.owns(name):
            reason = f"You don't have the rights to write to {name}"
            self.answer(403, {"error": reason}, {"X-Error-Message": reason})
            return False
        return True

    def _validate(self, card: str) -> None:
        try:
            yaml.safe_load(card.split("---\n")[1])
        except (IndexError, yaml.YAMLError):
            self.answer(400, {"errors": [{"message": "the metadata is no YAML"}], "warnings": []})
        else:
            self.answer(200, {"errors": [], "warnings": []})

    def _create(self, asked: dict[str, Any]) -> None:
        account = self.account()
        owner = asked["organization"] or (account.name if account else "")
        name = f"{owner}/{asked['name']}"
        if account is None:
            self.answer(401, {"error": "Invalid username or password."})
        elif not account.may_write(owner):
            reason = f'You don\'t have the rights to create a dataset under the namespace "{owner}"'
            self.answer(403, {"error": reason}, {"X-Error-Message": reason})
        elif name in self.server.datasets:
            self.answer(409, {"error": "You already created this dataset repo", "url": self._url(name)})
        else:
            token = self.token() if asked.get("visibility") == "private" else None
            self.server.datasets[name] = Dataset.empty(self._scratch() / "new" / name, token)
            self.answer(200, {"url": self._url(name)})

    def _plan_uploads(self, asked: dict[str, Any]) -> None:
        store = self.server.store
        objects = []
        for each in asked["objects"]:
            upload = {"href": f"{store.address}/{each['oid']}?signature=valid"}
            known = each["oid"] in store.files
            objects.append({**each, **({} if known else {"actions": {"upload": upload}})})
        self.answer(200, {"transfer": "basic", "objects": objects})

    def _write(self, name: str, what: str | None, revision: str, body: bytes) -> None:
        dataset = self.server.datasets[name]
        if what == "commit":
            self._commit(name, revision, [json.loads(line) for line in body.splitlines()])
            return
        asked = json.loads(body)
        if what == "preupload":
            self._choose_modes(dataset.folder(revision), asked["files"])
        elif what == "tag":
            self._name(dataset.tags, asked["tag"], dataset.resolve(revision))
        elif what == "branch":
            self._name(dataset.branches, revision, dataset.resolve(asked.get("startingPoint", "main")))
        else:
            self.answer(404, {"error": "no such page"})

    def _choose_modes(self, folder: Path, files: list[dict[str, Any]]) -> None:
        answers = []
        for file in files:
            there = folder / file["path"]
            oid = object_id(file["path"], there.read_bytes()) if there.is_file() else None
            mode = "lfs" if is_large(file["path"], file["size"]) else "regular"
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self.answer(200, {"files": answers})

    def _name(self, names: dict[str, str], name: str, commit: str | None) -> None:
        if name in names:
            self.answer(409, {"error": "it exists already"})
        elif commit is None:
            self.answer(404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"})
        else:
            names[name] = commit
            self.answer(200, {})

    def _commit(self, name: str, branch: str, lines: list[dict[str, Any]]) -> None:
        dataset = self.server.datasets[name]
        script = self.server.script
        if script.rivals:
            dataset.commit(branch, script.rivals.pop(0), self._scratch())
        there = dataset.folder(branch)
        gone = [line["value"]["path"] for line in lines if line["key"] == "deletedFile"]
        if missing := [path for path in gone if not (there / path).is_file()]:
            reason = f"A file with this name doesn't exist: {missing[0]}"
            self.answer(404, {"error": reason}, {"X-Error-Code": "EntryNotFound", "X-Error-Message": reason})
            return
        parent = lines[0]["value"].get("parentCommit")
        if parent not in (None, dataset.branches[branch]):
            self.answer(412, {"error": "The commit's parent is not the head of the branch any more"})
            return
        changes: dict[str, bytes | Path | None] = {}
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                stored = self.server.store.files.get(value["oid"])
                if stored is None:
                    self.answer(400, {"error": f"{value['path']} was never uploaded"})
                    return
                changes[value["path"]] = stored
            else:
                assert line["key"] == "deletedFile"
                changes[value["path"]] = None
        commit = dataset.commit(branch, changes, self._scratch())
        if script.lost:
            script.lost -= 1
            self.close_connection = True
            return
        self.answer(200, {"commitUrl": f"{self._url(name)}/commit/{commit}", "commitOid": commit})

    def _scratch(self) -> Path:
        assert self.server.store.scratch is not None, "this hub only gives"
        return self.server.store.scratch

    def _url(self, name: str) -> str:
        return f"{self.server.address}/datasets/{name}"
