"""The guide's own commands: a server, two workers and a build, one worker killed on the way, and the same bytes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.world import ROOT, environment, free_port

pytestmark = pytest.mark.cluster


def test_the_commands_of_the_guide_do_what_it_says(tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```bash\n(# try: a cluster on one machine\n.*?)```", guide, re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment(PATH=path, PORT=str(free_port()), TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "the same bytes"
    assert "Traceback" not in done.stderr
