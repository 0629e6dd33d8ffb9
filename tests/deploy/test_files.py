"""The files of `deploy/` fit what they are for, as far as that can be told without the systems that read them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prefect.utilities.schema_tools.validation import validate
from prefect.utilities.templating import find_placeholders

from flows.cli import app
from flows.cluster.deploying import PREFECT_FILE
from schemas.loading import load_config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SCRIPTS = sorted((DEPLOY / "slurm").glob("*.sbatch"))
UNIT = DEPLOY / "systemd" / "imagenet-think-worker@.service"
TEMPLATE = json.loads((DEPLOY / "kubernetes" / "base-job-template.json").read_text())


def job_variables() -> list[dict[str, Any]]:
    """What the deployments of the pool `gpu` set."""
    pools = [each["work_pool"] for each in yaml.safe_load(PREFECT_FILE.read_text())["deployments"]]
    return [pool["job_variables"] for pool in pools if pool["name"] == "gpu"]


def assert_verb(words: list[str]) -> None:
    """A command line of ours names a verb and options that there are."""
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    options = {option for parameter in verbs[words[1]].params for option in parameter.opts}
    assert {word for word in words[2:] if word.startswith("--")} <= options


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_slurm_s_scripts_are_bash_and_signal_the_launcher_alone(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    text = script.read_text()
    assert "#SBATCH --signal=B:TERM@120\n" in text
    (command,) = re.findall(r"^exec (imagenet-think .+)$", text, re.MULTILINE)
    assert_verb(shlex.split(command))


def test_a_worker_s_grace_fits_between_slurm_s_signal_and_its_end() -> None:
    text = (DEPLOY / "slurm" / "workers.sbatch").read_text()
    (warning,), (grace,) = re.findall(r"TERM@(\d+)", text), re.findall(r"--grace (\d+)", text)
    assert 2 * int(grace) < int(warning)


@pytest.mark.parametrize("without", [None, "PREFECT_API_URL"])
def test_slurm_s_script_starts_a_worker_that_is_named_for_its_job(without: str | None, tmp_path: Path) -> None:
    launcher = tmp_path / "bin" / "imagenet-think"
    launcher.parent.mkdir()
    launcher.write_text('#!/bin/sh\necho "$TMPDIR" "$@"\n')
    launcher.chmod(0o755)
    given = {"PREFECT_API_URL": "http://server:4200/api", "SLURM_JOB_ID": "17", "SLURM_TMPDIR": str(tmp_path)}
    env = {name: value for name, value in given.items() if name != without}
    env |= {"VENV": str(tmp_path), "PATH": "/usr/bin:/bin"}
    script = DEPLOY / "slurm" / "workers.sbatch"
    done = subprocess.run(["bash", script], env=env, capture_output=True, text=True, check=False)
    if without is not None:
        assert done.returncode != 0
        assert "names no Prefect server" in done.stderr
        return
    assert done.stdout.startswith(f"{tmp_path}/imagenet-think-17 worker --pool gpu --name ")
    assert "-17 --grace" in done.stdout


def test_the_unit_starts_a_worker_and_stops_its_launcher_first(tmp_path: Path) -> None:
    text = UNIT.read_text()
    (command,) = re.findall(r"^ExecStart=\S*/(imagenet-think .+)$", text, re.MULTILINE)
    assert_verb(shlex.split(command))
    assert {"KillMode=mixed", "SuccessExitStatus=143"} <= set(text.splitlines())
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNIT.name
    unit.write_text(text.replace("/opt/imagenet-think/bin/imagenet-think", "/bin/true"))
    done = subprocess.run([analyse, "verify", unit], capture_output=True, text=True, check=False)
    assert UNIT.stem not in done.stderr


def test_the_job_template_takes_what_the_deployments_set() -> None:
    variables = TEMPLATE["variables"]
    for wanted in job_variables():
        assert set(wanted) <= set(variables["properties"])
        validate(wanted, variables, raise_on_error=True)


def test_the_job_template_s_defaults_and_places_belong_together() -> None:
    variables = TEMPLATE["variables"]
    used = {placeholder.name for placeholder in find_placeholders(TEMPLATE["job_configuration"])}
    assert used == set(variables["properties"])
    defaults = {name: each["default"] for name, each in variables["properties"].items() if "default" in each}
    validate(defaults, variables, raise_on_error=True)


def test_a_job_has_gpus_shared_memory_the_shared_folder_and_time_to_hand_its_run_on() -> None:
    properties = TEMPLATE["variables"]["properties"]
    pod = TEMPLATE["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "{{ gpus }}"
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"{{ shared_path }}", "/dev/shm"}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert pod["terminationGracePeriodSeconds"] == "{{ grace_seconds }}"
    assert properties["backoff_limit"]["default"] == 0, "Kubernetes must not start a run again by itself: Prefect does"


def test_workers_in_pods_get_the_time_that_they_ask_for() -> None:
    pod = yaml.safe_load((DEPLOY / "kubernetes" / "workers.yaml").read_text())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert_verb(container["command"])
    grace = container["command"][container["command"].index("--grace") + 1]
    assert 2 * int(grace) < pod["terminationGracePeriodSeconds"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_the_server_keeps_to_loopback_and_its_passwords_to_the_environment() -> None:
    services = yaml.safe_load((DEPLOY / "server" / "compose.yaml").read_text())["services"]
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "server": ["${LISTEN:-127.0.0.1}:4200:4200"]
    }
    for name in ("migrate", "server", "services"):
        environment = services[name]["environment"]
        assert environment["PREFECT_SERVER_API_AUTH_STRING"].startswith("${PREFECT_AUTH:?")
        assert environment["PREFECT_MESSAGING_BROKER"] == "prefect_redis.messaging"


def test_the_cluster_s_configuration_differs_from_one_machine_s_only_in_where() -> None:
    cluster, alone = (load_config(ROOT / "configs" / name) for name in ("cluster.yaml", "gpu.yaml"))
    assert cluster.generation.where is not None
    assert cluster.identity() == alone.identity()
