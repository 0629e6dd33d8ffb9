"""The doctor's trial: the real engine on checkpoints that are made on the spot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.vllm

Findings = dict[str, dict[str, str]]


def examine(*arguments: str | Path, **variables: str) -> Findings:
    """Examine this machine as its user does; what was found, by what was looked at."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "doctor", "--engine", "--json", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.stdout, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert done.returncode == any(finding["level"] == "fault" for finding in findings), done.stderr
    return {finding["what"]: finding for finding in findings}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where transformers keeps copies of remote code."""
    return tmp_path_factory.mktemp("modules")


@pytest.fixture(scope="module")
def found(modules: Path) -> Findings:
    """With both teachers tried."""
    return examine(HF_MODULES_CACHE=str(modules))


@pytest.mark.parametrize("teacher", ["glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506"])
def test_a_trial_asks_the_real_engine_about_sixteen_pictures(found: Findings, teacher: str) -> None:
    trial = found[f"{teacher} trial"]
    assert trial["level"] == "ok", trial
    assert trial["detail"].startswith("16 pictures answered on ")
    assert "tokens/s" in trial["detail"]
    assert "one seed one text" in trial["detail"]


def test_every_trial_leaves_the_same_copy_of_remote_code_behind(found: Findings, modules: Path) -> None:
    assert found
    folders = (path.name for path in (modules / "transformers_modules").iterdir() if path.is_dir())
    copies = [name for name in folders if name != "__pycache__"]
    assert copies == ["trial_hyphen_kimi_hyphen_vl_hyphen_a3b_hyphen_thinking_hyphen_2506"]


def test_this_installation_fits_and_has_our_plugins(found: Findings) -> None:
    assert found["glm-4.1v-9b-thinking"]["detail"].startswith("fits")
    assert found["plugins"]["level"] == "ok"


def test_a_trial_that_does_not_start_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    """Kimi's own code imports names that transformers no longer has; our plugin gives them back."""
    config = tmp_path / "build.yaml"
    config.write_text("source: {path: .}\nteachers: [{name: kimi-vl-a3b-thinking-2506, engine: {kind: vllm}}]\n")
    found = examine("--config", config, VLLM_PLUGINS="die_with_parent")
    assert found["plugins"]["level"] == "fault"
    trial = found["kimi-vl-a3b-thinking-2506 trial"]
    assert trial["level"] == "fault"
    assert "_validate_images_text_input_order" in trial["detail"] or "bytes_to_unicode" in trial["detail"], trial
    assert "\n" not in trial["detail"]
