"""A run directory on an object store: the same bytes, whoever works on it and wherever."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tests.cluster.world import Server, cluster_in, environment, process_of, write_config
from tests.fakes.object_server import ObjectServer

pytestmark = pytest.mark.cluster


class Store:
    """A store with an empty bucket, a run directory's address in it, and what its users have in their environment."""

    def __init__(self, endpoint: str) -> None:
        self.bucket = f"runs-{uuid.uuid4().hex}"  # the server keeps its buckets as long as this process lives
        self.address = f"s3://{self.bucket}/first"
        self.env = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        self._client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id="id",
            aws_secret_access_key="secret",
            region_name="us-east-1",
        )
        self._client.create_bucket(Bucket=self.bucket)

    def env_of(self, scratch: Path) -> dict[str, str]:
        """The environment of somebody with local copies of his own."""
        return {**self.env, "IMAGENET_THINK_SCRATCH": str(scratch)}

    def read(self, name: str) -> str:
        text: str = self._client.get_object(Bucket=self.bucket, Key=f"first/{name}")["Body"].read().decode()
        return text

    def names(self) -> list[str]:
        return [entry["Key"] for entry in self._client.list_objects_v2(Bucket=self.bucket)["Contents"]]


@pytest.fixture
def store() -> Iterator[Store]:
    server = ObjectServer()
    with server.running():
        yield Store(server.endpoint)


def run_verb(variables: dict[str, str], *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    return subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=170, check=False
    )


def test_a_build_in_one_process_and_another_one_elsewhere_that_finds_it_done(
    store: Store, tmp_path: Path, undisturbed: str
) -> None:
    config = write_config(tmp_path, delay=0, pool=False)
    here, there = store.env_of(tmp_path / "here"), store.env_of(tmp_path / "there")
    done = run_verb(here, "build", config, "--run-dir", store.address, "--quiet")
    assert done.returncode == 0, done.stderr
    assert store.read("dataset/SHA256SUMS") == undisturbed
    asked = (tmp_path / "asked.log").read_text()
    again = run_verb(there, "generate", config, "--run-dir", store.address, "--quiet")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "asked.log").read_text() == asked, "the ledger came along"
    status = run_verb(there, "status", store.address)
    assert status.returncode == 0, status.stderr
    assert "glm-4.1v-9b-thinking" in status.stdout


def test_workers_that_share_nothing_but_a_store(server: Server, store: Store, tmp_path: Path, undisturbed: str) -> None:
    with cluster_in(server, tmp_path) as cluster:
        workers = []
        for name in ("first", "second"):
            cluster.variables = store.env_of(tmp_path / name)
            workers.append(cluster.start_worker(name, gpus=""))
        build = cluster.start_build(write_config(tmp_path, delay=1), store.address, **store.env_of(tmp_path / "parent"))
        process_of(workers[0].pid, "prefect.engine", seconds=90).kill()
        cluster.wait_for_end(build)
    assert store.read("dataset/SHA256SUMS") == undisturbed
    assert not [name for name in store.names() if name.endswith(".tmp")]
