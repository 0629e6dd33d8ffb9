"""The command that serves a teacher. Pure; imports no vLLM, so that it can be printed anywhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.engines.checkpoint import Checkpoint, is_commit, is_folder, named_model
from pipeline.engines.vllm.arguments import command_line, engine_arguments
from pipeline.teachers import GRAMMARS
from schemas.engines import VllmEngine
from schemas.errors import ConfigError
from schemas.teacher import TeacherSpec

MIDDLEWARE = "pipeline.engines.vllm.server.ProvenanceMiddleware"

_LAUNCH = "import sys; from vllm.entrypoints.cli.main import main; sys.argv[0] = 'vllm'; main()"
"""vLLM's own command of this environment, whether or not its folder is on the path."""

_RESERVED = {
    "--api-key": "set the environment variable VLLM_API_KEY: a command line is for everybody to read",
    "--hf-token": "set the environment variable HF_TOKEN: a command line is for everybody to read",
    "--model": "use the option --model of this command, before the --",
    "--trust-remote-code": "leave it out: teachers that need it have it, at a pinned revision",
    "--reasoning-parser": "leave it out: the texts must be raw",
    "--host": "use the option --host of this command, before the --",
    "--port": "use the option --port of this command, before the --",
    "--served-model-name": "leave it out: builds know the server by the teacher's name",
    "--revision": "use the option --revision of this command, before the --",
}
"""Flags that must not be given past this program, and what to do instead."""


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Where a teacher is served, and to whom."""

    host: str = "127.0.0.1"
    port: int = 8000
    media: Path | None = None
    """Folder of pictures that clients may name instead of sending."""
    further: tuple[str, ...] = ()
    """More of vLLM's flags, as they are; they come last and so win."""

    @property
    def nearest_host(self) -> str:
        """Where a client on this machine finds the server."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - a client's view

    @property
    def url(self) -> str:
        """Where the server's OpenAI protocol begins, for a client on this machine."""
        host = self.nearest_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"


def serve_flags(config: VllmEngine, teacher: TeacherSpec, checkpoint: Checkpoint, options: ServeOptions) -> list[str]:
    """What follows ``vllm serve``.

    The server calls the model by the teacher's own repository, whatever folder it lies in, so that builds find what
    they look for. No reasoning parser: none fits both teachers, and the ledger keeps raw texts.

    Raises:
        ConfigError: a further flag must not be given this way; the folder of pictures does not exist.
    """
    _check_further(options.further)
    arguments = engine_arguments(config, teacher, GRAMMARS[teacher.grammar], checkpoint)
    flags = [
        *command_line(arguments),
        *("--served-model-name", teacher.model),
        *("--host", options.host),
        *("--port", str(options.port)),
        *("--middleware", MIDDLEWARE),
        "--disable-uvicorn-access-log",
        *("--uvicorn-log-level", "warning"),
    ]
    if options.media is not None:
        if not options.media.is_dir():
            raise ConfigError(f"--media {options.media}: no such folder", "name the folder of the source")
        flags += ["--allowed-local-media-path", str(options.media.resolve())]
    return [*flags, *options.further]


def launch_command(flags: Sequence[str]) -> list[str]:
    """What starts ``vllm serve`` in this environment.

    Args:
        flags: see :func:`serve_flags`.
    """
    return [sys.executable, "-c", _LAUNCH, "serve", *flags]


def name_checkpoint(config: VllmEngine, teacher: TeacherSpec) -> Checkpoint:
    """The checkpoint as it is configured, without asking the hub, and without vLLM.

    Raises:
        ConfigError: remote code would run from a revision that is not a commit hash.
    """
    model, revision = named_model(config, teacher)
    is_local = is_folder(model)
    if teacher.remote_code and not is_local and not is_commit(revision):
        raise ConfigError(
            f"{teacher.name}: {model} runs Python code of its own, and no commit is named",
            "read that code, then give the commit's 40 hexadecimal digits with --revision",
        )
    return Checkpoint(
        model=str(Path(model).expanduser().resolve()) if is_local else model,
        revision=revision or "",
        is_pinned=revision is not None,
        is_local=is_local or revision is None,
        remote_code=teacher.remote_code,
    )


def _check_further(flags: tuple[str, ...]) -> None:
    for flag in flags:
        name = flag.partition("=")[0].replace("_", "-")
        if remedy := _RESERVED.get(name):
            raise ConfigError(f"{name} cannot be passed on to vLLM", remedy)
