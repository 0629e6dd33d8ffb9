"""A file is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from pipeline.files import atomic_writer, held, sha256_of, write_atomic


def test_a_file_appears_only_when_its_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file"
    with atomic_writer(target) as file:
        file.write(b"half")
        file.flush()
        assert not target.exists()
        file.write(b" and half")
    assert target.read_bytes() == b"half and half"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_atomic(target, b"old")
    with pytest.raises(OSError, match=f"disk is full: '{target}'"), atomic_writer(target) as file:  # noqa: PT012
        file.write(b"new")
        raise OSError(28, "the disk is full")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_s_digest_is_that_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    write_atomic(tmp_path / "file", data)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_a_lock_is_held_by_one_and_names_who_holds_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with held(lock, RuntimeError), pytest.raises(RuntimeError, match=f"^{os.getpid()}$"), held(lock, RuntimeError):
        pass
    with held(lock, RuntimeError):
        """It is free again."""
