"""Names and messages of others as one short line that can be shown."""

from __future__ import annotations

_LONGEST = 300


def printable(text: str) -> str:
    """``text`` as one short line that UTF-8 can hold; control characters and undecodable bytes are escaped."""
    line = text if text.isprintable() else ascii(text)[1:-1]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
