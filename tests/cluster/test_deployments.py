"""A fresh server is made ready by one command, and a build on it shows what it does."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
from typing import Any

import pytest

from flows.cluster.automations import NAME
from tests.cluster.world import ROOT, TEACHERS, Cluster, Server, run_verb, write_config
from tests.processes import wait_until

pytestmark = pytest.mark.cluster

DEPLOYMENTS = {"build/cpu", "generate/gpu", "pack/cpu", "verify/cpu", "publish/cpu", "evaluate/gpu"}


def deployments(server: Server) -> dict[str, dict[str, Any]]:
    found = server.ask("deployments/filter")
    flows = {flow["id"]: flow["name"] for flow in server.ask("flows/filter")}
    return {f"{flows[each['flow_id']]}/{each['name']}": each for each in found}


def test_a_fresh_server_knows_deployments_pools_and_one_automation(server: Server) -> None:
    again = run_verb(server, "deploy").stdout
    assert "work pool gpu: there already" in again
    assert "brought up to date" in again
    assert set(deployments(server)) == DEPLOYMENTS
    assert {pool["name"] for pool in server.ask("work_pools/filter")} == {"cpu", "gpu"}
    automations = [each for each in server.ask("automations/filter") if each["name"] == NAME]
    assert [each["enabled"] for each in automations] == [True]


def test_prefect_s_own_command_applies_the_file_at_the_top(server: Server) -> None:
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=ROOT, env=server.env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(deployments(server)) == DEPLOYMENTS


def test_nothing_of_the_deploying_machine_is_in_a_deployment(server: Server) -> None:
    for deployment in deployments(server).values():
        assert str(ROOT) not in json.dumps(deployment)
        assert deployment["entrypoint"].startswith("flows.")


def test_a_dry_run_changes_nothing(server: Server) -> None:
    before = {name: each["updated"] for name, each in deployments(server).items()}
    said = run_verb(server, "deploy", "--dry-run").stdout
    assert "deployment generate/gpu" in said
    assert {name: each["updated"] for name, each in deployments(server).items()} == before


def test_parameters_are_held_against_the_contract_before_a_run_is_made(server: Server) -> None:
    deployment = deployments(server)["build/cpu"]
    assert "WorkPoolConfig" in deployment["parameter_openapi_schema"]["definitions"]
    for parameters in ({}, {"run_dir": "run", "config": {"source": {"path": "images"}, "sed": 1}}):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            server.ask(f"deployments/{deployment['id']}/create_flow_run", parameters=parameters)
        assert refusal.value.code in {409, 422}
        refusal.value.close()


def test_a_build_on_two_workers_gives_the_bytes_of_one_process_and_shows_what_it_does(
    cluster: Cluster, undisturbed: str
) -> None:
    cluster.start_worker("first", "0")
    cluster.start_worker("second", "1")
    config = write_config(cluster.folder)
    cluster.start_worker("parent", "", pool="cpu")
    said = run_verb(cluster.server, "build", config, "--run-dir", cluster.run_dir, "--submit").stdout
    assert "was handed to a worker of the pool cpu: http://127.0.0.1" in said
    (parent,) = cluster.server.runs("build")
    wait_until(lambda: cluster.server.runs("build")[-1]["state_type"] in {"COMPLETED", "FAILED", "CRASHED"}, 120)
    assert cluster.server.runs("build")[-1]["state_type"] == "COMPLETED"
    assert cluster.sums() == undisturbed
    run_id = (cluster.run_dir / "chunks" / "run-id").read_text()
    runs = cluster.server.runs("generate", tags={"all_": [f"run:{run_id}"]})
    assert 4 <= len(runs) <= 12, "the number of runs grows with hours, not with images"
    for run in runs:
        asked = run["parameters"]
        assert run["name"] == f"generate {asked['teacher']} {asked['chunk']}"
        assert {f"teacher:{asked['teacher']}", f"chunk:{asked['chunk']}", "imagenet-think"} <= set(run["tags"])
        assert set(asked) == {"run_dir", "teacher", "chunk"}
    artifacts = cluster.server.ask("artifacts/filter", limit=200)
    kinds = {(each["key"], each["type"]) for each in artifacts}
    for teacher in ("glm-4-1v-9b-thinking", "kimi-vl-a3b-thinking-2506"):
        assert {(f"progress-generate-{teacher}", "progress"), (f"chunk-{teacher}", "table")} <= kinds
    assert {("images", "table"), ("report", "markdown")} <= kinds
    ours = [each for each in artifacts if each["key"] == "images" and each["flow_run_id"] == parent["id"]]
    assert json.loads(ours[0]["data"])[0] == {"stage": "source", "reason": "seen", "images": 48}
    logs = cluster.server.ask("logs/filter", limit=200, logs={"flow_run_id": {"any_": [run["id"] for run in runs]}})
    assert len(logs) <= 10 * len(runs), [entry["message"] for entry in logs]
    done = json.loads(run_verb(cluster.server, "status", cluster.run_dir, "--json").stdout)
    assert [(each["teacher"], each["done"], each["given_up"]) for each in done["teachers"]] == [
        (name, 47, 1) for name in TEACHERS
    ]


def test_a_build_that_is_cancelled_takes_its_chunks_along_and_can_be_gone_on_with(
    cluster: Cluster, undisturbed_with_one: str
) -> None:
    cluster.start_worker("first", "0")
    parents = cluster.start_worker("parent", "", pool="cpu")
    config = write_config(cluster.folder, teachers=TEACHERS[:1])
    run_verb(cluster.server, "build", config, "--run-dir", cluster.run_dir, "--submit")
    cluster.wait_for_rows(8)
    parent = cluster.server.runs("build")[-1]
    cluster.server.ask(f"flow_runs/{parent['id']}/set_state", state={"type": "CANCELLING"}, force=True)
    run_id = (cluster.run_dir / "chunks" / "run-id").read_text()

    def all_ended() -> bool:
        runs = [cluster.server.runs("build")[-1], *cluster.server.runs("generate", tags={"all_": [f"run:{run_id}"]})]
        return all(run["state_type"] in {"COMPLETED", "CANCELLED", "CRASHED"} for run in runs)

    wait_until(all_ended, seconds=90)
    cluster.wait_until_idle(parents.pid)
    assert cluster.finish(cluster.start_build(config)) == undisturbed_with_one


@pytest.mark.parametrize(
    ("pool", "said"),
    [("nowhere", "the Prefect server has no work pool nowhere"), ("cpu", "no deployment generate/cpu")],
)
def test_a_pool_or_deployment_that_is_missing_is_named(pool: str, said: str, cluster: Cluster) -> None:
    config = write_config(cluster.folder, work_pool=pool)
    done = run_verb(cluster.server, "build", config, "--run-dir", cluster.run_dir, "--quiet", check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
