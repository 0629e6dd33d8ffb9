"""The host behind signed addresses: gives and takes large files."""

from __future__ import annotations

import hashlib
import uuid
from urllib.parse import parse_qs, urlsplit

from tests.fakes.hub.server import Handler, Store, cut_out


class StoreHandler(Handler):
    """Gives bytes to whoever brings a signature, and takes them."""

    host = "store"
    server: Store

    def get(self) -> None:
        self.record()
        oid = self._signed()
        if oid is None:
            return
        script = self.server.script
        data = script.lies.get(oid) or self.server.files[oid].read_bytes()
        status, body, headers = cut_out(data, None if script.ignores_ranges else self.headers.get("Range"))
        if script.cuts and script.cuts[0] < len(body):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: script.cuts.pop(0)])
            self.close_connection = True
        else:
            self.answer(status, body, headers)

    def put(self) -> None:
        self.record()
        script = self.server.script
        if script.on_put is not None:
            script.on_put(len(script.uploaded))
        limit = script.put_cuts.pop(0) if script.put_cuts else None
        data = bytearray()
        for piece in self.pieces():
            data += piece
            if limit is not None and len(data) >= limit:
                self.close_connection = True
                return
        oid = self._signed()
        if oid is None:
            return
        if hashlib.sha256(data).hexdigest() != oid:
            self.answer(400, {"error": "the content is not what was announced"})
            return
        assert self.server.scratch is not None
        folder = self.server.scratch / "objects"
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / uuid.uuid4().hex
        part.write_bytes(data)
        self.server.files[oid] = part.rename(folder / oid)
        script.uploaded.append(oid)
        self.answer(200, b"")

    def _signed(self) -> str | None:
        where = urlsplit(self.path)
        if parse_qs(where.query).get("signature") == ["valid"]:
            return where.path.removeprefix("/")
        self.answer(403, {"error": "no signature"})
        return None
