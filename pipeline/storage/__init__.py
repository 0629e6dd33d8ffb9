"""A run directory on an object store: every process works on a local copy, and the store holds whole files."""

from pipeline.storage.address import is_remote
from pipeline.storage.mirror import Mirror
from pipeline.storage.opening import find_mirror, open_mirror

__all__ = ["Mirror", "find_mirror", "is_remote", "open_mirror"]
