"""Settings that Prefect reads when it is first imported. Import this module before Prefect, everywhere.

The user's own settings win. The values and their reasons:

- analytics and promotional content off: a build says nothing to anyone;
- logs at CRITICAL when embedded, and on the terminal of any command: it tells what happens in its own words, once. On
  a server that somebody else runs they are kept as usual;
- the embedded server keeps to the run directory and runs none of the services that only deployments need;
- the embedded server is asked directly, whatever proxy the user has: a proxy cannot reach this machine's loopback.
"""

from __future__ import annotations

import os
from pathlib import Path

_ALWAYS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}

_SERVICES = (
    "SCHEDULER",
    "LATE_RUNS",
    "FOREMAN",
    "TRIGGERS",
    "PAUSE_EXPIRATIONS",
    "CANCELLATION_CLEANUP",
    "REPOSSESSOR",
)

_EMBEDDED = {
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    **{f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false" for service in _SERVICES},
}


_LOOPBACK = "127.0.0.1"


def is_embedded() -> bool:
    """Whether no Prefect server is named by the environment, so that a build brings its own."""
    return not os.environ.get("PREFECT_API_URL")


_COMMAND = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}


def prepare_environment(home: Path | None = None) -> None:
    """Set what is not set. Call it before Prefect is imported; afterwards it has no effect.

    Args:
        home: of a command: where an embedded server keeps its database. Flow runs on workers have none.
    """
    settings = dict(_ALWAYS)
    if home is not None:
        settings |= _COMMAND
    if is_embedded():
        settings |= _EMBEDDED
        _ask_loopback_directly()
        if home is not None:
            settings["PREFECT_HOME"] = str(home.resolve())
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def _ask_loopback_directly() -> None:
    """Add loopback to what the user's proxy is not asked for, in both spellings: programs differ in which they read."""
    lower, upper = os.environ.get("no_proxy"), os.environ.get("NO_PROXY")
    # the spelling that is missing takes the other's hosts, which it would otherwise hide
    for name, value in (
        ("no_proxy", upper if lower is None else lower),
        ("NO_PROXY", lower if upper is None else upper),
    ):
        hosts = [host.strip() for host in (value or "").split(",") if host.strip()]
        # a lone asterisk means every host, but only while it stands alone
        os.environ[name] = ",".join(hosts if "*" in hosts or _LOOPBACK in hosts else [*hosts, _LOOPBACK])
