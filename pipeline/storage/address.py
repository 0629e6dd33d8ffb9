"""Addresses of run directories on an object store."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from dataclasses import dataclass

from pipeline.lines import printable
from schemas.errors import ConfigError

_REMOTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_SCHEME = "s3"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3's rules for names of buckets
_FORM = "name it as s3://BUCKET/FOLDER"
_DIGEST_DIGITS = 12


def is_remote(place: str) -> bool:
    """Whether a run directory's place is an address and not a path."""
    return _REMOTE.match(place) is not None


@dataclass(frozen=True, slots=True)
class Address:
    """Where on a store a run directory lies.

    Args:
        bucket: the bucket.
        folder: the common beginning of its keys, without a slash at either end.
    """

    bucket: str
    folder: str

    def __str__(self) -> str:
        return f"{_SCHEME}://{self.bucket}/{self.folder}"

    @property
    def root(self) -> str:
        """Bucket and folder, as Arrow names them."""
        return f"{self.bucket}/{self.folder}"

    def copy_name(self, endpoint: str) -> str:
        """What the folder of a local copy is called; another for the same address at another endpoint."""
        name = re.sub(r"[^A-Za-z0-9._-]", "_", self.folder.rpartition("/")[2])
        return f"{name}-{hashlib.sha256(f'{endpoint} {self}'.encode()).hexdigest()[:_DIGEST_DIGITS]}"


def parse_address(place: str) -> Address:
    """Read the address of a run directory.

    Raises:
        ConfigError: it is of another kind of store, names no folder, or carries credentials; those are not shown.
    """
    scheme, _, rest = place.partition("://")
    if scheme.lower() != _SCHEME:
        raise ConfigError(f"{printable(scheme)}:// is no store that a run directory can lie on", _FORM)
    bucket, _, folder = rest.partition("/")
    # before anything of the address is shown
    if "@" in bucket or any(mark in rest for mark in "?#"):
        raise ConfigError(
            "the run directory's address carries a name, a key, a query or a fragment",
            f"{_FORM}; credentials belong in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_ENDPOINT_URL)",
        )
    folder = folder.rstrip("/")
    shown = printable(place)
    if not _BUCKET.fullmatch(bucket):
        raise ConfigError(f"{shown}: names no bucket", _FORM)
    if not is_plain(folder) or urllib.parse.quote(folder, safe="/=+,@ ") != folder:
        raise ConfigError(f"{shown}: names no folder that can be used", f"{_FORM}, of plain letters and digits")
    return Address(bucket, folder)


def is_plain(place: str) -> bool:
    """Whether a relative place stays below where it is put, on every system: nothing empty, no dots, no backslash."""
    return (
        place.isprintable()
        and "\\" not in place
        and all(segment not in {"", ".", ".."} for segment in place.split("/"))
    )
