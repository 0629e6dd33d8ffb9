"""One Prefect server for all tests of a process, prepared as the guide says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline import stages
from schemas.loading import load_config
from tests.cluster.world import TEACHERS, Cluster, Server, cluster_in, free_port, run_verb, write_config


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with pools, deployments and the automation."""
    server = Server(tmp_path_factory.mktemp("server"), free_port())
    server.start()
    run_verb(server, "deploy")
    yield server
    server.kill()


@pytest.fixture
def cluster(server: Server, tmp_path: Path) -> Iterator[Cluster]:
    with cluster_in(server, tmp_path) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """``SHA256SUMS`` of the same build in one process, without Prefect."""
    return build_alone(tmp_path_factory.mktemp("undisturbed"), TEACHERS)


@pytest.fixture(scope="session")
def undisturbed_with_one(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same with the first teacher alone."""
    return build_alone(tmp_path_factory.mktemp("undisturbed"), TEACHERS[:1])


def build_alone(folder: Path, teachers: Sequence[str]) -> str:
    config = load_config(write_config(folder, delay=0, pool=False, teachers=teachers))
    build = stages.open_build(config, folder / "run")
    stages.index(build)
    stages.select(build)
    for setup in build.teachers:
        stages.generate(build, setup.name)
    stages.pack_dataset(build)
    return (build.run.dataset / "SHA256SUMS").read_text()
