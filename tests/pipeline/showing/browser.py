"""Chromium without a window, driven over the DevTools protocol on a pipe: no port, no network, no library.

See https://chromedevtools.github.io/devtools-protocol/: messages are JSON objects that end with a zero byte.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

NAMES = ("chromium-headless-shell", "chrome-headless-shell", "chromium", "chromium-browser", "google-chrome")

_FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",  # tests run as root in containers, and the page is ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
)

_SECONDS = 150


def find_browser() -> str | None:
    """Path of a Chromium on this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Browser:
    """One tab."""

    write_to: BinaryIO
    read_from: BinaryIO
    session: str = ""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _last: int = 0

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its result; events that come in between are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.write_to.write(json.dumps(message).encode() + b"\0")
        self.write_to.flush()
        while (answer := self._read()).get("id") != self._last:
            self.events.append((answer["method"], answer["params"]))
        assert "error" not in answer, f"{method}: {answer['error']}"
        result: dict[str, Any] = answer["result"]
        return result

    def attach(self) -> None:
        """Open the tab and have everything told that happens in it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def open(self, address: str) -> None:
        """Go to an address, and wait until the page is loaded. What happened before is forgotten."""
        self._navigate("about:blank")  # so that an address that differs after # alone is loaded too
        self.events.clear()
        self._navigate(address)

    def evaluate(self, expression: str) -> Any:
        """Value of an expression of JavaScript, or of the promise that it gives."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key as a person does."""
        text = key if len(key) == 1 else ""
        code = {"Tab": 9, "Enter": 13, "Escape": 27}.get(key, ord(key.upper()) if text else 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def complaints(self) -> list[str]:
        """Errors of scripts, violations of the policy, and all else that the browser said since the page opened."""
        names = {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}
        return [json.dumps(params) for name, params in self.events if name in names]

    def fetched(self) -> list[str]:
        """Schemes of all addresses that were asked for since the page opened."""
        asked = [params for name, params in self.events if name == "Network.requestWillBeSent"]
        return [str(params["request"]["url"]).partition(":")[0] for params in asked]

    def _navigate(self, address: str) -> None:
        loader = self.call("Page.navigate", url=address)["loaderId"]
        while not any(
            name == "Page.lifecycleEvent" and params["loaderId"] == loader and params["name"] == "load"
            for name, params in self.events
        ):
            answer = self._read()
            self.events.append((answer["method"], answer["params"]))

    def _read(self) -> dict[str, Any]:
        message = bytearray()
        while (byte := self.read_from.read(1)) != b"\0":
            assert byte, "the browser is gone"
            message += byte
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextlib.contextmanager
def launch(binary: str, profile: Path) -> Iterator[Browser]:
    """A browser that ends with the block, or when it takes so long that it must be stuck."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    # the protocol's pipes must be the descriptors 3 and 4
    shell = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
    command = ["bash", "-c", shell, binary, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(
        command,
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    watchdog = threading.Timer(_SECONDS, os.killpg, (process.pid, signal.SIGKILL))
    watchdog.start()
    try:
        with os.fdopen(ours_out, "wb") as write_to, os.fdopen(ours_in, "rb") as read_from:
            browser = Browser(write_to, read_from)
            browser.attach()
            yield browser
    finally:
        watchdog.cancel()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
