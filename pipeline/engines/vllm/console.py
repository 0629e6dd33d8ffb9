"""What a person sees of vLLM's own words."""

from __future__ import annotations

import contextlib
import logging
import re
import sys

_WARNING = re.compile(r"^(?:\([^)]*\) )?WARNING [\d-]+ [\d:]+ (.*)")
"""A line of vLLM's log at that level, and what it says."""

_SHUTDOWN = "[shutdown]"
"""Marks what vLLM logs of an engine's end."""


class Console:
    """Passes vLLM's warnings on, each once; its errors are in the messages of ``failures``.

    Args:
        talkative: everything is passed on.
    """

    def __init__(self, *, talkative: bool) -> None:
        self._talkative = talkative
        self._seen: set[str] = set()

    def show(self, line: str) -> None:
        """Pass on a line that a process of vLLM's wrote, or leave it out."""
        if not self._talkative:
            warning = _WARNING.match(line)
            # every process of an engine gives the same warnings
            if not warning or warning[1] in self._seen or _SHUTDOWN in line:
                return
            self._seen.add(warning[1])
        # not to the file descriptor: a progress display may stand before it
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line)

    def hush(self) -> None:
        """Leave out what vLLM logs in this process of an engine's end: tracebacks that lead to an exception here."""
        if self._talkative:
            return
        for handler in logging.getLogger("vllm").handlers:
            if _is_news not in handler.filters:
                handler.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return record.levelno < logging.ERROR and _SHUTDOWN not in str(record.msg)
