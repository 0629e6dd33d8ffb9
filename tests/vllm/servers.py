"""``imagenet-think serve`` around a small checkpoint, as a user starts it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.processes import is_gone, wait_until
from tests.vllm.script import VARIABLE, Part, load_tokenizer, write_script

CONTEXT = 1024


class Serving:
    """A server's whole family of processes.

    Args:
        teacher: its name.
        checkpoint: the folder of its weights.
        says: its texts, see ``write_script``.
        media: what the server may read itself; its own files are there, too.
        key: what it wants to hear.
    """

    def __init__(
        self,
        teacher: str,
        checkpoint: Path,
        says: Mapping[str | int, Part | list[Part] | None],
        media: Path,
        key: str | None = None,
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        script = media / f"{teacher}.json"
        write_script(script, load_tokenizer(checkpoint), says)
        self.errors = media / f"{teacher}.log"
        options = f"--dtype float32 --max-model-len {CONTEXT} --max-num-seqs 8 --port {self.port}".split()
        further = ["--enforce-eager", "--kv-cache-memory-bytes", str(64 << 20)]
        variables = {VARIABLE: str(script), **({"VLLM_API_KEY": key} if key else {})}
        command = [sys.executable, "-m", "flows.cli", "serve", teacher, "--model", checkpoint, "--media", media]
        self.process = subprocess.Popen(
            [*map(str, command), *options, "--", *further],
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=self.errors.open("wb"),
            text=True,
        )
        self.url = ""

    def wait_until_announced(self) -> None:
        assert self.process.stdout is not None
        while not self.url:
            line = self.process.stdout.readline()
            assert line, self.errors.read_text()
            self.url = "".join(re.findall(r'base_urls: \["(.*)"\]', line))

    def family(self) -> list[int]:
        """Numbers of all its processes, its own first."""
        processes = [psutil.Process(self.process.pid)]
        return [each.pid for each in processes + processes[0].children(recursive=True)]

    def end(self, number: int) -> int:
        """Send a signal, and wait until nothing is left."""
        family = self.family()
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        wait_until(lambda: all(map(is_gone, family)))
        return self.process.returncode

    def clean_up(self) -> None:
        family = self.family() if self.process.poll() is None else []
        self.process.kill()
        self.process.communicate()
        wait_until(lambda: all(map(is_gone, family)))
