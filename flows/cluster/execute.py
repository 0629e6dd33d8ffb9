"""What a process worker runs for each flow run: Prefect's own ``flow-run execute``, which ends with its worker.

A worker that is killed cannot tell its run. The kernel does, with the signal at which the run is handed on to another
worker: its ledger is flushed, its engine ended, and its state says that it waits to be started again.
"""

from __future__ import annotations

import os
import signal
import sys

from pipeline.parents import die_with_parent

if __name__ == "__main__":
    worker = os.getppid()
    die_with_parent(lambda: os.getppid() == worker, signal.SIGTERM)
    os.execv(sys.executable, [sys.executable, "-m", "prefect", "flow-run", "execute"])  # noqa: S606 - our interpreter
