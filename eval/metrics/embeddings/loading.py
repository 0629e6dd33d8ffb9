"""Models and what pins them: opened from a folder or the hub, their own code never run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.lines import printable
from schemas.errors import ConfigError

EXTRA = ("torch", "transformers", "sentence_transformers")


def require_extra() -> None:
    """See that what the models need is installed.

    Raises:
        ConfigError: it is not.
    """
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"BERTScore and the Sentence-BERT cosine need {missing[0]}, which is not installed",
            "install the extra: pip install 'imagenet-think[embeddings]'",
        )


@contextmanager
def loading(model: str) -> Iterator[None]:
    """Load a model without the libraries' chatter.

    Raises:
        ConfigError: it is not there, damaged, or of a kind that the libraries do not know.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 - only in the embeddings extra
    from transformers.utils import logging  # noqa: PLC0415 - as above

    verbosity, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, ImportError, SafetensorError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(
            f"{printable(model)}: cannot be loaded: {printable(said)}",
            "name a folder that holds a model, or one of the hub that can be reached or lies in the cache",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if has_bars:
            logging.enable_progress_bar()


def choose_device() -> Any:
    """A GPU where there is one."""
    import torch  # noqa: PLC0415 - only in the embeddings extra

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def find_window(tokenizer: Any, network: Any) -> int:
    """Most tokens that a model takes at once, the special ones included.

    Raises:
        ValueError: neither model nor tokenizer says.
    """
    positions = getattr(network.config, "max_position_embeddings", None) or tokenizer.model_max_length
    table = getattr(getattr(network, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    if padding is not None:
        positions -= padding + 1  # RoBERTa and its kin count positions from behind the one that stands for padding
    window = int(min(tokenizer.model_max_length, positions))
    if not tokenizer.num_special_tokens_to_add() < window < 1 << 20:
        raise ValueError(f"takes {window} tokens at once, which cannot be")
    return window


def check_tokenizer(tokenizer: Any) -> None:
    """See that a tokenizer can cut windows and pad them.

    Raises:
        ValueError: it cannot.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError("has no fast tokenizer")
    if tokenizer.pad_token_id is None:
        raise ValueError("its tokenizer has no padding token")


def digest(tokenizer: Any, network: Any) -> str:
    """What tells a model's vectors from any other's: SHA-256 of its vocabulary and of its weights in order of name.

    Pooling heads are left out: they may be missing in a checkpoint, and nothing reads them.
    """
    import torch  # noqa: PLC0415 - only in the embeddings extra

    seen = hashlib.sha256(json.dumps(sorted(tokenizer.get_vocab().items())).encode())
    for name, tensor in sorted(network.state_dict().items()):
        if "pooler." not in name:
            seen.update(f"{name} {tuple(tensor.shape)} ".encode())
            seen.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return seen.hexdigest()


def describe(model: str, revision: str | None, tokenizer: Any, network: Any) -> str:
    """Name a model so that the name holds on another machine, with the versions that it runs in."""
    import torch  # noqa: PLC0415 - only in the embeddings extra
    import transformers  # noqa: PLC0415 - as above

    name = Path(model).resolve().name if Path(model).is_dir() else f"{model}@{revision}" if revision else model
    release = torch.__version__.partition("+")[0]
    return (
        f"{printable(name)}, weights and vocabulary {digest(tokenizer, network)[:16]}, in float32 by "
        f"transformers {transformers.__version__} and torch {release}"
    )
