"""What vLLM calls in every process that it starts, before it loads anything: its *general plugins*.

They are registered as entry points of this distribution, so vLLM finds them wherever the package is installed. It may
call them more than once in a process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
from typing import Any

from pipeline import parents


def mend_moonshot_imports() -> None:
    """Give transformers two names back that Moonshot's remote code imports and newer versions have lost.

    Kimi-VL's processor imports ``_validate_images_text_input_order``, which did no more than exchange the arguments
    of callers that still had an older order; its tokenizer imports ``bytes_to_unicode`` from where it was before
    transformers 5. Without them neither can be imported (seen in public reports on Kimi-VL-A3B-Thinking-2506 as
    "cannot import name '_validate_images_text_input_order'"). Where a name is there, it is left alone.
    """
    from transformers import processing_utils  # noqa: PLC0415 - no part of the core installation

    if not hasattr(processing_utils, "_validate_images_text_input_order"):
        processing_utils._validate_images_text_input_order = _keep_order  # noqa: SLF001 - the name remote code imports
    # A plugin that raises ends every engine of this installation, whatever its model. Where a still newer version has
    # moved these as well, only the remote code that imports them fails, and says so.
    with contextlib.suppress(ImportError):
        import transformers.models.gpt2.tokenization_gpt2 as gpt2  # noqa: PLC0415
        from transformers.convert_slow_tokenizer import bytes_to_unicode  # noqa: PLC0415

        if not hasattr(gpt2, "bytes_to_unicode"):
            gpt2.bytes_to_unicode = bytes_to_unicode


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however the parent ends.

    vLLM's engine processes outlive a parent that is killed, and keep their GPU's memory. A process that
    ``multiprocessing`` did not start is nobody's engine and is left alone, and so is everything on systems other than
    Linux. The signal comes when the parent's *thread* that started the process ends, so engines must be started from
    a thread that lasts as long as they do (prctl(2), PR_SET_PDEATHSIG).
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        parents.die_with_parent(parent.is_alive)


def _keep_order(images: Any, text: Any) -> tuple[Any, Any]:
    return images, text
