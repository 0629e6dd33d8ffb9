"""``imagenet-think serve``: one teacher behind HTTP, from the command to its clean end."""

from __future__ import annotations

import http.client
import importlib.util
import os
import re
import shlex
import signal
import socket
import sys
import time
from typing import Any

import typer
from pydantic import ValidationError

from pipeline.engines.checkpoint import Checkpoint, resolve_checkpoint
from pipeline.engines.vllm.failures import explain_death, find_cause
from pipeline.engines.vllm.server import REVISION
from pipeline.serving import ServeOptions, ServerProcess, launch_command, name_checkpoint, serve_flags
from pipeline.teachers import load_teacher
from schemas.engines import VllmEngine
from schemas.errors import ConfigError, EngineError
from schemas.teacher import TeacherSpec

EXIT_INTERRUPTED = 130

GRACE = 10.0
"""Seconds that the server gets to end in good order. vLLM then waits for requests that its engine never answers."""

_SECONDS_BETWEEN_LINES = 15.0
_SECONDS_BETWEEN_LOOKS = 0.25

_HOSTNAME = socket.gethostname()


def engine_settings(**given: Any) -> VllmEngine:
    """The engine's configuration from the command line's options, those that were left out excepted.

    Raises:
        ConfigError: a value is out of its range.
    """
    try:
        return VllmEngine(kind="vllm", **{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        fault = error.errors()[0]
        option = f"--{str(fault['loc'][0]).replace('_', '-')}"
        raise ConfigError(f"{option} {fault['input']}: {fault['msg'][0].lower()}{fault['msg'][1:]}") from error


def print_command(teacher: str, settings: VllmEngine, options: ServeOptions) -> None:
    """Print the command that :func:`serve` would run, as one line for a shell. Needs neither vLLM nor weights.

    Raises:
        ConfigError: see :func:`serve`.
    """
    spec = load_teacher(teacher)
    checkpoint = _name_as_exactly_as_possible(settings, spec)
    typer.echo(shlex.join(["vllm", "serve", *serve_flags(settings, spec, checkpoint, options)]))


def serve(teacher: str, settings: VllmEngine, options: ServeOptions, seconds_to_start: float) -> int:
    """Serve a teacher until SIGINT or SIGTERM. On the main thread only.

    Args:
        teacher: its name.
        settings: how vLLM is set up.
        options: where to listen.
        seconds_to_start: until the server must answer; weights may have to be downloaded first.

    Returns:
        The exit code of a server that was stopped.

    Raises:
        ConfigError: the teacher is unknown, vLLM is not installed, a flag cannot be passed on, or the port is taken.
        EngineError: the server does not start, or ended by itself; with its last words.
    """
    spec = load_teacher(teacher)
    checkpoint = resolve_checkpoint(settings, spec)
    flags = serve_flags(settings, spec, checkpoint, options)
    _assert_free(options)
    _warn(checkpoint, options)
    environment = {"VLLM_LOGGING_LEVEL": "WARNING", **os.environ, REVISION: checkpoint.revision}
    try:
        with ServerProcess(launch_command(flags), environment, sys.stderr.buffer, GRACE) as server:
            _wait_until_healthy(server, spec, options, seconds_to_start)
            _announce(spec, options)
            server.wait()
            raise _explain_end(server, spec)
    except (KeyboardInterrupt, SystemExit) as stop:
        _say(f"{spec.name}: stopped")
        return EXIT_INTERRUPTED if isinstance(stop, KeyboardInterrupt) else int(stop.code or 0)


def _name_as_exactly_as_possible(settings: VllmEngine, spec: TeacherSpec) -> Checkpoint:
    named = name_checkpoint(settings, spec)
    if importlib.util.find_spec("vllm") is None or named.revision:
        return named
    try:
        return resolve_checkpoint(settings, spec)
    except EngineError:
        return named


def _wait_until_healthy(server: ServerProcess, spec: TeacherSpec, options: ServeOptions, seconds: float) -> None:
    began = spoken = time.monotonic()
    _say(f"{spec.name}: vLLM is starting")
    while not _is_healthy(options):
        now = time.monotonic()
        if now - began > seconds:
            raise EngineError(
                f"{spec.name}: the server is not ready after {seconds:.0f} s", "give it longer with --start-seconds"
            )
        if now - spoken > _SECONDS_BETWEEN_LINES:
            spoken = now
            _say(f"{spec.name}: still starting, {now - began:.0f} s")
        time.sleep(_SECONDS_BETWEEN_LOOKS)
        if server.has_ended():
            raise _explain_end(server, spec)


def _is_healthy(options: ServeOptions) -> bool:
    # not urllib, which would ask a proxy of the environment
    connection = http.client.HTTPConnection(options.nearest_host, options.port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _assert_free(options: ServeOptions) -> None:
    try:
        family = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((options.host, options.port), family=family).close()
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {options.host}:{options.port} ({error.strerror or error})",
            "stop what listens there, or choose another --port or --host",
        ) from error


def _warn(checkpoint: Checkpoint, options: ServeOptions) -> None:
    if not checkpoint.is_pinned:
        _say(f"{checkpoint.model}: revision not pinned; this is commit {checkpoint.revision}: name it with --revision")
    if options.nearest_host != options.host and not os.environ.get("VLLM_API_KEY"):
        _say("everybody who reaches this machine can use the server; set VLLM_API_KEY to a key of your own")


def _announce(spec: TeacherSpec, options: ServeOptions) -> None:
    url = options.url if options.nearest_host == options.host else options.url.replace(options.nearest_host, _HOSTNAME)
    local = ", local_media: true" if options.media is not None else ""
    typer.echo(f"{spec.name} answers at {url}. In the configuration of a build, below teachers:\n")
    typer.echo(f"  - name: {spec.name}")
    typer.echo(f'    engine: {{kind: openai, base_urls: ["{url}"]{local}}}\n')
    sys.stdout.flush()


def _explain_end(server: ServerProcess, spec: TeacherSpec) -> EngineError:
    code = server.stop(grace=0.0)
    words = [line for line in server.last_words() if line.strip()]
    if code >= 0 and not find_cause(words):
        said = words[-1].strip() if words else "without a word"
        return EngineError(f"{spec.name}: the server ended by itself, exit code {code}: {said}")
    death = explain_death(spec.name, words, [signal.Signals(-code).name] if code < 0 else [])
    # the same settings are options here
    remedy = re.sub(r"engine\.(\w+)", lambda match: f"--{match[1].replace('_', '-')}", death.remedy)
    return EngineError(death.problem, remedy)


def _say(line: str) -> None:
    typer.echo(line, err=True)
