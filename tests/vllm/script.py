"""What a real engine shall say: texts chosen by a request's seed, written to a file that its processes read.

The engine is started with ``IMAGENET_THINK_SCRIPT`` naming the file, and with ``tests/vllm/shim`` and the repository's
root on ``PYTHONPATH``; ``tests/vllm/scripted.py`` then runs in it without any option of the engine. The file maps a
seed, or ``default``, to the parts of a text, or to null where the model shall speak for itself.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.engines.vllm.tiny.tokenizer import PROSE

VARIABLE = "IMAGENET_THINK_SCRIPT"

WORDS = sorted(set(re.findall(r"[a-z]+", PROSE)))
"""Most of them single tokens of the small checkpoints."""


class Tokenizer(Protocol):
    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...


@dataclass(frozen=True)
class Words:
    """As many words, picked anew for each seed."""

    count: int


Part = str | Words


def write_script(path: Path, tokenizer: Tokenizer, entries: Mapping[int | str, Part | Sequence[Part] | None]) -> Path:
    """Write a script. Keys are seeds or ``default``; after the last part the model speaks for itself again, so a text
    that shall end there ends with an end token."""
    words = [tokenizer.encode(f" {word}", add_special_tokens=False) for word in WORDS]

    def spell(part: Part) -> Any:
        if isinstance(part, Words):
            return {"count": part.count}
        return tokenizer.encode(part, add_special_tokens=False)

    texts = {
        str(seed): None
        if parts is None
        else [spell(part) for part in ([parts] if isinstance(parts, str | Words) else parts)]
        for seed, parts in entries.items()
    }
    path.write_text(json.dumps({"words": words, "texts": texts}))
    return path


def read_script(seed: int | None) -> list[int] | None:
    """The ids that a request with this seed shall be answered by; ``None`` where nothing is prescribed."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    script = _load(path)
    parts = script["texts"].get(str(seed), script["texts"].get("default"))
    if parts is None:
        return None
    chance = random.Random(seed)

    def ids(part: Any) -> list[int]:
        if isinstance(part, dict):
            return list(itertools.chain.from_iterable(chance.choices(script["words"], k=part["count"])))
        return list(part)

    return list(itertools.chain.from_iterable(map(ids, parts)))


@functools.cache
def _load(path: str) -> Any:
    return json.loads(Path(path).read_text())


def load_tokenizer(checkpoint: Path) -> Any:
    """A small checkpoint's tokenizer, its remote code included."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - not in the core installation

    from pipeline.engines.vllm.plugins import mend_moonshot_imports  # noqa: PLC0415 - only where transformers is

    mend_moonshot_imports()
    return AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=True)
