"""Starting vLLM's asynchronous engine in this process."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import NoReturn

from pipeline.engines.base import Engine
from pipeline.engines.checkpoint import resolve_checkpoint
from pipeline.engines.vllm.arguments import engine_arguments
from pipeline.engines.vllm.failures import explain_start
from pipeline.teachers import Grammar
from schemas.engines import VllmEngine
from schemas.teacher import TeacherSpec

_DEFAULTS = {
    "VLLM_LOGGING_LEVEL": "WARNING",
    # The command line's standard output is its own.
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    # A forked child would inherit the locks of this process's threads in whatever state they are.
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
}


def start(config: VllmEngine, teacher: TeacherSpec, grammar: Grammar) -> Engine:
    """Load a teacher into vLLM; takes seconds to minutes, with or without a running event loop.

    To be called on the main thread: the engine's processes end with the thread that started them.

    Raises:
        ConfigError: vLLM is not installed, the checkpoint cannot be named, or an engine argument does not exist.
        EngineError: the engine does not start; the message holds the root cause.
    """
    checkpoint = resolve_checkpoint(config, teacher)
    arguments = engine_arguments(config, teacher, grammar, checkpoint)
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    try:
        # vLLM sets up its logging by the environment when it is first imported
        from pipeline.engines.vllm.session import Session  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise explain_start(teacher.name, error, ()) from error
    talkative = os.environ["VLLM_LOGGING_LEVEL"].upper() in {"DEBUG", "INFO"}
    with _interruptible():
        return Session(config, teacher, grammar, checkpoint, arguments, talkative=talkative)


class _InterruptedError(BaseException):
    """Ctrl-C, by a name that vLLM lets through: it swallows ``KeyboardInterrupt`` while it waits for its processes."""


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block at once.

    An event loop answers the first one by cancelling its task, which would wait until vLLM has started.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> NoReturn:
        raise _InterruptedError

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except _InterruptedError:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)
