"""What goes wrong, and what was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Request(NamedTuple):
    """A request as it came."""

    host: str
    """``hub`` or ``store``."""
    path: str
    range: str | None
    authorization: str | None
    method: str = "GET"


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
    lies: dict[str, bytes] = field(default_factory=dict)
    """What the store gives instead of large files, by their SHA-256."""
    lists: list[int] = field(default_factory=list)
    """Statuses of the next answers to requests for a list of files, instead of it; 200 stands for the list."""
    put_cuts: list[int] = field(default_factory=list)
    """Bytes after which the connections of the next uploads break, one each."""
    writes: list[int] = field(default_factory=list)
    """Statuses of the next answers to requests that write, instead of doing it; 200 stands for doing it."""
    rivals: list[Mapping[str, bytes]] = field(default_factory=list)
    """Files that somebody else commits just before the next commits, one commit each."""
    lost: int = 0
    """Commits, from now on, that are made but whose answer is lost."""
    opens_gates: bool = False
    """Whether the hub gates no repository, whatever it is asked."""
    on_put: Callable[[int], None] | None = None
    """Told of each upload before its bytes are taken, with the number of those that were taken whole."""
    requests: list[Request] = field(default_factory=list)
    uploaded: list[str] = field(default_factory=list)
    """SHA-256 of what was taken whole, in order."""

    def ranges(self) -> list[str | None]:
        """What was asked of the store, in order."""
        return [request.range for request in self.requests if request.host == "store" and request.method == "GET"]

    def commits(self) -> int:
        """How many commits were asked for."""
        return sum("/commit/" in request.path for request in self.requests if request.method == "POST")
