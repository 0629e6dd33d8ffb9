"""A bucket on a real S3 server, and copies of a run directory in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from pipeline.storage import Mirror, open_mirror
from pipeline.storage.address import parse_address
from pipeline.storage.objects import ObjectStore
from tests.fakes.object_server import ObjectServer

_numbers = itertools.count(1)


class Bucket:
    """What the server holds in one bucket, seen by somebody else's client."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"bucket-{next(_numbers)}"
        self._client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        self._client.create_bucket(Bucket=self.name)

    @property
    def url(self) -> str:
        return f"s3://{self.name}/runs/first"

    def put(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=self.name, Key=key, Body=data)

    def files(self) -> dict[str, bytes]:
        """Files of the run directory, by place; not what names a folder, nor what is hidden."""
        listed = self._client.list_objects_v2(Bucket=self.name, Prefix="runs/first/").get("Contents", [])
        keys = [entry["Key"] for entry in listed if not entry["Key"].endswith("/")]
        return {
            key.removeprefix("runs/first/"): self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
            for key in keys
            if not key.rpartition("/")[2].startswith(".")
        }


Copies = Callable[[str], Mirror]


@pytest.fixture(scope="session")
def running_server() -> Iterator[ObjectServer]:
    server = ObjectServer()
    with server.running():
        yield server


@pytest.fixture
def server(running_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    running_server.forget()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", running_server.endpoint)
    yield running_server
    running_server.forget()


@pytest.fixture
def bucket(server: ObjectServer) -> Bucket:
    return Bucket(server.endpoint)


@pytest.fixture
def copies(bucket: Bucket, tmp_path: Path) -> Copies:
    """Opens copies of the bucket's run directory, by the name of the machine that has it."""
    return lambda machine: open_mirror(bucket.url, tmp_path / machine)


@pytest.fixture
def impatient(bucket: Bucket, tmp_path: Path) -> Mirror:
    """A copy that tries nothing again."""
    return Mirror(open_mirror(bucket.url, tmp_path / "impatient").path, ObjectStore(parse_address(bucket.url), ()))
