"""A command line that listens like vLLM's, and behaves as the environment variable ``FAKE_VLLM`` says.

- ``well``: healthy after a moment; ends on SIGTERM. The process that it started stays behind;
- ``fails``: writes a traceback as vLLM's engine does, and ends;
- ``unknown``: complains like an argument parser, and ends;
- ``dies``: healthy, and killed when it is asked anything more;
- ``never``: not healthy.

Its process numbers are appended to the file that ``FAKE_PIDS`` names, its environment and arguments are in ``/seen``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

BEHAVIOUR = os.environ.get("FAKE_VLLM", "well")

TRACEBACK = """\
(EngineCore pid=5) ERROR 11-20 21:00:00 [core.py:1] EngineCore failed to start.
(EngineCore pid=5) ValueError: To serve at least one request, 9 GiB KV cache is needed
Traceback (most recent call last):
  File "vllm", line 1, in <module>
RuntimeError: Engine core initialization failed. See root cause above.
"""


class Handler(BaseHTTPRequestHandler):
    looks = 0

    def do_GET(self) -> None:
        Handler.looks += 1
        if BEHAVIOUR == "dies" and Handler.looks > 1:
            os.kill(os.getpid(), signal.SIGKILL)
        status = 503 if BEHAVIOUR == "never" or (BEHAVIOUR == "well" and Handler.looks == 1) else 200
        body = json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ)}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


def note(pid: int) -> None:
    if path := os.environ.get("FAKE_PIDS"):
        with Path(path).open("a") as file:
            file.write(f"{pid}\n")


def main() -> None:
    note(os.getpid())
    if BEHAVIOUR == "fails":
        sys.exit(TRACEBACK)
    if BEHAVIOUR == "unknown":
        sys.stderr.write("usage: vllm serve\nvllm serve: error: unrecognized arguments: --no-such-flag\n")
        sys.exit(2)
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    note(helper.pid)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = int(sys.argv[sys.argv.index("--port") + 1])
    sys.stderr.write("the fake server's chatter\n")
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
