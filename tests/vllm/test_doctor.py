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

PROGRAM = """
import sys
from pathlib import Path
from flows.doctor import diagnose
from schemas.loading import load_config
config = load_config(Path(sys.argv[1])) if sys.argv[1:] else None
sys.exit(not diagnose(config, None, engine=True, as_json=True))
"""

Findings = dict[str, dict[str, str]]


def examine(*arguments: Path, **variables: str) -> Findings:
    """Examine this machine in a process of its own; what was found, by what was looked at."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
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
def found() -> Findings:
    """With both teachers tried."""
    return examine()


@pytest.mark.parametrize("teacher", ["glm-4.1v-9b-thinking", "kimi-vl-a3b-thinking-2506"])
def test_a_trial_asks_the_real_engine_about_sixteen_pictures(found: Findings, teacher: str) -> None:
    trial = found[f"{teacher} trial"]
    assert trial["level"] == "ok", trial
    assert trial["detail"].startswith("16 pictures answered on ")
    assert "tokens/s" in trial["detail"]
    assert "one seed one text" in trial["detail"]


def test_this_installation_fits_and_has_our_plugins(found: Findings) -> None:
    assert found["glm-4.1v-9b-thinking"]["detail"].startswith("fits")
    assert found["plugins"]["level"] == "ok"


def test_a_trial_that_does_not_start_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    """Kimi's own code imports names that transformers no longer has; our plugin gives them back."""
    config = tmp_path / "build.yaml"
    config.write_text("source: {path: .}\nteachers: [{name: kimi-vl-a3b-thinking-2506, engine: {kind: vllm}}]\n")
    found = examine(config, VLLM_PLUGINS="die_with_parent")
    assert found["plugins"]["level"] == "fault"
    trial = found["kimi-vl-a3b-thinking-2506 trial"]
    assert trial["level"] == "fault"
    assert "_validate_images_text_input_order" in trial["detail"] or "bytes_to_unicode" in trial["detail"], trial
    assert "\n" not in trial["detail"]
