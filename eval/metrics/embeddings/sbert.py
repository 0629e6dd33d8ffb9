"""Cosine of sentence embeddings (Reimers and Gurevych, 2019), which sees a long text to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.metrics.base import Seen
from eval.metrics.embeddings.loading import (
    check_tokenizer,
    choose_device,
    describe,
    find_window,
    loading,
    require_extra,
)
from eval.metrics.embeddings.windows import batches, cut_windows, pad
from pipeline.lines import printable
from schemas.benchmark import TextField
from schemas.errors import ConfigError

METRIC = "sbert"


@dataclass(frozen=True, eq=False, slots=True)
class Embedding:
    """One text."""

    unit: Any
    """Tensor, shape (width,); ``None`` for a text without tokens."""
    seen: Seen


class SentenceBert:
    """Cosine of embeddings; see :func:`open_sbert`.

    A text that is longer than the model's window is cut into windows, and its embedding is the mean of theirs, each of
    unit length and weighted by its tokens, brought to unit length again.
    """

    metrics = (METRIC,)

    def __init__(self, model: Any, window: int, definition: str) -> None:
        self.definitions = {METRIC: definition}
        self._model = model
        self._window = window
        self._own = window - model.tokenizer.num_special_tokens_to_add()

    def prepare(self, field: TextField, texts: Sequence[str]) -> list[Embedding]:  # noqa: ARG002 - as every similarity's
        """Embed texts, many windows at a time."""
        import torch  # noqa: PLC0415 - only in the embeddings extra

        # Some tokenizers make a token of blanks alone.
        windows = cut_windows(
            self._model.tokenizer, [text if text.strip() else "" for text in texts], self._window, overlap=0
        )
        units: list[Any] = [None] * len(windows)
        with torch.inference_mode():
            for batch in batches(windows):
                inputs = pad(
                    [windows[place] for place in batch], self._model.tokenizer.pad_token_id, self._model.device
                )
                outputs = self._model(inputs)["sentence_embedding"]
                for place, output in zip(batch, outputs, strict=True):
                    units[place] = torch.nn.functional.normalize(output, dim=0)
            parts: list[list[tuple[int, Any]]] = [[] for _ in texts]
            for window, unit in zip(windows, units, strict=True):
                parts[window.text].append((window.stop - window.start, unit))
            return [self._join(each) for each in parts]

    def _join(self, parts: list[tuple[int, Any]]) -> Embedding:
        import torch  # noqa: PLC0415 - only in the embeddings extra

        own = sum(tokens for tokens, _ in parts)
        seen = Seen(self._own, own, own, min(own, self._own))
        if len(parts) <= 1:
            return Embedding(parts[0][1] if parts else None, seen)
        total = torch.stack([tokens * unit for tokens, unit in parts]).sum(dim=0)
        return Embedding(torch.nn.functional.normalize(total, dim=0), seen)

    def compare(self, one: Embedding, other: Embedding) -> tuple[float]:
        """The cosine; 0 where a text has no tokens."""
        if one.unit is None or other.unit is None:
            return (0.0,)
        return (max(-1.0, min(1.0, float(one.unit.double() @ other.unit.double()))),)

    def see(self, prepared: Embedding) -> Seen:
        """Every token counts."""
        return prepared.seen


def open_sbert(model: str, *, revision: str | None = None) -> SentenceBert:
    """Open the cosine with a model of sentence-transformers.

    Args:
        model: a folder, or a name on the hub.
        revision: of a model on the hub.

    Raises:
        ConfigError: the extra is not installed, or the model cannot be loaded or wants a prompt before each text.
    """
    require_extra()
    import sentence_transformers  # noqa: PLC0415 - only in the embeddings extra

    with loading(model):
        opened = sentence_transformers.SentenceTransformer(
            model, revision=revision, device=str(choose_device()), trust_remote_code=False
        )
        tokenizer, network = opened.tokenizer, opened.transformers_model
        check_tokenizer(tokenizer)
        window = find_window(tokenizer, network)
    if opened.prompts.get(opened.default_prompt_name or ""):
        raise ConfigError(
            f"{printable(model)}: wants a prompt before each text, which nothing here gives",
            "use a model without one, such as sentence-transformers/all-mpnet-base-v2",
        )
    opened = opened.float().eval()
    definition = (
        f"cosine of sentence embeddings (Sentence-BERT, Reimers and Gurevych 2019); "
        f"{describe(model, revision, tokenizer, opened)}, sentence-transformers {sentence_transformers.__version__}; "
        f"windows of {window - tokenizer.num_special_tokens_to_add()} tokens, averaged by their tokens"
    )
    return SentenceBert(opened, window, definition)
