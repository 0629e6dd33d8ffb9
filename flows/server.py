"""The embedded Prefect server's process: ``python -m flows.server FD``, where FD is a listening socket it inherits.

It ends when its standard input does. The kernel closes that pipe however the parent ends, SIGKILL included, so no
server is ever left behind.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

from flows import environment

environment.prepare_environment()

import uvicorn  # noqa: E402
from prefect.server.api.server import create_app  # noqa: E402

SECONDS_TO_STOP = 5.0
"""How long open requests may hold the server up."""


def main() -> None:
    """Serve until standard input ends."""
    listener = socket.socket(fileno=int(sys.argv[1]))
    app = create_app(ephemeral=True, final=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=1))

    def stop_with_parent() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        server.should_exit = True
        threading.Timer(SECONDS_TO_STOP, os._exit, (0,)).start()

    threading.Thread(target=stop_with_parent, daemon=True).start()
    server.run(sockets=[listener])
    os._exit(0)  # services that still sleep are not waited for


if __name__ == "__main__":
    main()
