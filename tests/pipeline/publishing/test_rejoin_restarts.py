"""Killed anywhere, putting pictures back goes on and comes to the same bytes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.collections import Form
from tests.pipeline.packing.world import digests
from tests.pipeline.publishing.rejoining import COLLECTION, Published
from tests.processes import wait_until

# small batches, so that there is something to be killed between
SCRIPT = """
import sys
from pathlib import Path
from pipeline.packing import shards
from pipeline.progress import Silent
from pipeline.publishing.rejoin import RejoinOptions, rejoin
from pipeline.sources import gzip
from schemas.config import SourceConfig

gzip.BATCH_BYTES = 50_000
shards.IMAGES_PER_WORKER = 8
annotations, source, out = sys.argv[1:4]
options = RejoinOptions(annotations, SourceConfig(path=source, workers=1), Path(out), True, int(sys.argv[4]))
rejoin(options, Silent())
"""


def start(annotated: Published, source: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCRIPT, str(annotated.annotations), str(source), str(out), str(workers)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.parametrize(("form", "workers"), [("tree", 2), ("tar_of_tars.gz", 1), ("webdataset_webp", 1)])
def test_killed_at_random_moments_it_makes_the_same_dataset(
    form: Form, workers: int, annotated: Published, tmp_path: Path
) -> None:
    source = COLLECTION.write(tmp_path / "source", form)
    whole = start(annotated, source, tmp_path / "whole", 1)
    assert whole.wait() == 0
    chance, work = random.Random(workers), tmp_path / ".out.rejoin"
    for _ in range(5):
        process = start(annotated, source, tmp_path / "out", workers)
        wait_until(lambda process=process: work.exists() or process.poll() is not None)  # type: ignore[misc]
        time.sleep(chance.uniform(0, 0.4))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    last = start(annotated, source, tmp_path / "out", workers)
    assert last.wait() == 0, last.communicate()
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")
    if form != "webdataset_webp":
        assert digests(tmp_path / "out") == digests(annotated.packed)
