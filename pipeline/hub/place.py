"""Addresses of datasets on the hub."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

from schemas.config import HUB_SCHEME
from schemas.errors import HubError, ImageNetThinkError

_REF = re.compile("refs/(?:pr|convert)/[^/%]+")
_ADDRESS = re.compile(HUB_SCHEME + rf"datasets/([^/@]+/[^/@]+)(?:@({_REF.pattern}|[^/]+))?(/.*)?")


class Place(NamedTuple):
    """``hf://datasets/OWNER/NAME[@REVISION][/FOLDER]``."""

    repo: str
    revision: str | None = None
    folder: str = ""
    """Empty, or with a slash at its end."""

    @classmethod
    def parse(cls, url: str, error: type[ImageNetThinkError] = HubError) -> Place:
        """Read an address.

        A slash in a revision's name is written ``%2F``, but for ``refs/convert/parquet`` and its like.

        Args:
            url: the address.
            error: what is raised.

        Raises:
            ImageNetThinkError: it is none of a dataset.
        """
        match = _ADDRESS.fullmatch(url)
        if match is None:
            raise error(
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
