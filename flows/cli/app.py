"""The application that verbs register with, and how errors reach the user."""

from __future__ import annotations

import errno
import importlib.metadata
import io
import signal
import sys
from typing import Annotated, NoReturn

import typer

from schemas.errors import ImageNetThinkError

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

app = typer.Typer(
    name="imagenet-think",
    help="From ImageNet-21k to a verified dataset of multimodal reasoning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Handle options before any verb."""
    if version:
        typer.echo(importlib.metadata.version("imagenet-think"))
        raise typer.Exit


def main() -> NoReturn:
    """Run the command line; errors that are the user's to mend become one line and an exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that is not of Unicode shows what it can
    try:
        app()
    except ImageNetThinkError as error:
        typer.echo(f"imagenet-think: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if (remedy := _REMEDIES.get(error.errno or 0)) is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"imagenet-think: {where}{error.strerror}; {remedy}", err=True)
        sys.exit(1)
    sys.exit(0)


_REMEDIES = {
    errno.ENOSPC: "make room on the disk and run the same command again; what is done is kept",
    errno.EDQUOT: "make room in your quota and run the same command again; what is done is kept",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "check the permissions and run the same command again",
    errno.EIO: "look after the disk, then run the same command again; what is done is kept",
    errno.ENOLCK: "choose a --run-dir on a file system that has locks",
    errno.EMFILE: "raise the limit of open files (ulimit -n) and run the same command again",
}
