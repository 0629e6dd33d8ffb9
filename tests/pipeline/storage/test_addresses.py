"""Addresses that cannot be used are refused at once, in one line, without what they may hide."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from pipeline.storage import is_remote, open_mirror
from schemas.errors import ConfigError, RunDirectoryError, StorageError
from tests.fakes.object_server import ObjectServer
from tests.pipeline.storage.conftest import Bucket


@pytest.mark.parametrize("place", ["s3://bucket/runs/first", "hf://datasets/a", "GS://b/c"])
def test_an_address_has_a_scheme(place: str) -> None:
    assert is_remote(place)


@pytest.mark.parametrize("place", ["runs/first", "/runs/s3", "./s3:/x", "://x", "a b://c"])
def test_anything_else_is_a_path(place: str) -> None:
    assert not is_remote(place)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("hf://datasets/me/run", "hf:// is no store"),
        ("gs://bucket/run", "gs:// is no store"),
        ("s3://", "names no bucket"),
        ("s3://Bucket/run", "names no bucket"),
        ("s3://bucket", "names no folder"),
        ("s3://bucket/", "names no folder"),
        ("s3://bucket/a//b", "names no folder"),
        ("s3://bucket/../b", "names no folder"),
        ("s3://bucket/a\\b", "names no folder"),
        ("s3://bucket/a%2e%2e", "names no folder"),
        ("s3://bucket/\x1b[2J", "names no folder"),
    ],
)
def test_a_place_that_is_no_folder_of_a_bucket_is_refused(place: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        open_mirror(place, tmp_path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "place",
    [
        "s3://key:sesame@bucket/run",
        "s3://sesame@bucket/run",
        "s3://bucket/run?secret_key=sesame",
        "s3://bucket/a#sesame",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_shown(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="belong in the environment") as caught:
        open_mirror(place, tmp_path)
    assert "sesame" not in str(caught.value)


def test_a_missing_bucket_is_named(server: ObjectServer, tmp_path: Path) -> None:
    assert server.endpoint
    with pytest.raises(StorageError, match=r"s3://no-such-bucket/run: no such bucket .*; make it"):
        open_mirror("s3://no-such-bucket/run", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there_is_said_to_be_so_in_seconds(
    server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server.endpoint
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"s3://bucket/run: cannot be reached .*AWS_ENDPOINT_URL"):
        open_mirror("s3://bucket/run", tmp_path)
    assert time.monotonic() - began < 10


def test_copies_of_different_addresses_and_servers_are_apart(
    bucket: Bucket, server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGENET_THINK_SCRATCH", str(tmp_path))
    one = open_mirror(bucket.url)
    two = open_mirror(f"{bucket.url}/")
    three = open_mirror(f"s3://{bucket.name}/runs/other/first")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint.replace("127.0.0.1", "localhost"))
    four = open_mirror(bucket.url)
    assert one.path == two.path
    assert len({one.path, three.path, four.path}) == 3
    assert {path.name.rpartition("-")[0] for path in tmp_path.iterdir()} == {"first"}


def test_a_scratch_folder_that_cannot_be_made_is_named(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunDirectoryError, match="set IMAGENET_THINK_SCRATCH"):
        open_mirror(bucket.url, tmp_path / "file")
