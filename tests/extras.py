"""Suites that need packages which the core installation lacks."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence

import pytest


def skip_without(packages: Sequence[str], suite: str, items: Iterable[pytest.Item]) -> None:
    """Skip a suite's tests where a package is missing.

    Args:
        packages: what the tests import.
        suite: the tests' marker, and the name of the make target that installs the packages.
        items: of whatever was collected.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        reason = f"{missing[0]} is not installed; `make {suite}` installs it and runs these tests"
        for item in items:
            if item.get_closest_marker(suite):
                item.add_marker(pytest.mark.skip(reason=reason))
