"""BERTScore (Zhang et al., 2020): each token of one text is matched with the likest of the other.

As the authors' package bert-score computes it, without idf weights and without rescaling; but where that package cuts
a text at the model's window, here the windows of a long text overlap and every token counts, once, with context.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
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
from eval.metrics.embeddings.windows import batches, cut_windows, pad, share_out
from pipeline.lines import printable
from schemas.benchmark import TextField
from schemas.errors import ConfigError

METRIC = "bertscore"

LAYERS: Mapping[str, int] = MappingProxyType(
    {
        "bert-base-chinese": 8,
        "bert-base-multilingual-cased": 9,
        "bert-base-uncased": 9,
        "bert-large-uncased": 18,
        "deberta-large-mnli": 18,
        "deberta-xlarge-mnli": 40,
        "distilbert-base-uncased": 5,
        "distilroberta-base": 5,
        "mpnet-base": 8,
        "roberta-base": 10,
        "roberta-large": 17,
        "roberta-large-mnli": 19,
        "xlm-roberta-base": 9,
        "xlm-roberta-large": 17,
    }
)
"""By the last part of a model's name: the layer that agrees best with people's judgement, as in bert-score 0.3.13."""

OVERLAP_SHARE = 4
"""A window shares a fourth with the next, so that where they meet, a token has an eighth of a window on either side."""

BLOCK_ROWS = 1024
"""Tokens of one text that are matched at a time; with 10,000 tokens in the other that makes 40 MB of likenesses."""


@dataclass(frozen=True, eq=False, slots=True)
class Vectors:
    """One text, token by token."""

    units: Any
    """Tensor of unit vectors, shape (tokens with the special ones, width)."""
    counted: Any
    """Tensor of places of those whose best match counts; the others can be matched only."""
    seen: Seen


class BertScore:
    """BERTScore's F1; see :func:`open_bertscore`."""

    metrics = (METRIC,)

    def __init__(self, tokenizer: Any, network: Any, window: int, definition: str) -> None:
        self.definitions = {METRIC: definition}
        self._tokenizer = tokenizer
        self._network = network
        self._window = window
        self._own = window - tokenizer.num_special_tokens_to_add()
        self._ends = {tokenizer.cls_token_id, tokenizer.sep_token_id}

    def prepare(self, field: TextField, texts: Sequence[str]) -> list[Vectors]:  # noqa: ARG002 - as every similarity's
        """Compute the vectors of texts, many windows at a time."""
        import torch  # noqa: PLC0415 - only in the embeddings extra

        overlap = self._own // OVERLAP_SHARE
        windows = cut_windows(self._tokenizer, [text.strip() for text in texts], self._window, overlap)
        shares = share_out(windows, overlap)
        states: list[Any] = [None] * len(windows)
        with torch.inference_mode():
            for batch in batches(windows):
                inputs = pad([windows[place] for place in batch], self._tokenizer.pad_token_id, self._network.device)
                outputs = self._network(**inputs).last_hidden_state
                for place, output in zip(batch, outputs, strict=True):
                    states[place] = torch.nn.functional.normalize(output[shares[place]], dim=-1)
        by_text: list[list[int]] = [[] for _ in texts]
        for place, window in enumerate(windows):
            by_text[window.text].append(place)
        return [
            self._join(
                [states[place] for place in places],
                [token for place in places for token in windows[place].ids[shares[place]]],
            )
            for places in by_text
        ]

    def _join(self, states: list[Any], ids: list[int]) -> Vectors:
        import torch  # noqa: PLC0415 - only in the embeddings extra

        own = max(0, len(ids) - self._tokenizer.num_special_tokens_to_add())
        seen = Seen(self._own, own, own, min(own, self._own))
        if not states:
            return Vectors(None, None, seen)
        counted = [place for place, token in enumerate(ids) if token not in self._ends]
        return Vectors(torch.cat(states), torch.tensor(counted, device=self._network.device, dtype=torch.long), seen)

    def compare(self, one: Vectors, other: Vectors) -> tuple[float]:
        """F1 of precision and recall; 0 where one of them is not positive, or a text has no tokens."""
        if one.units is None or other.units is None or not len(one.counted) or not len(other.counted):
            return (0.0,)
        precision, recall = _match(one, other)
        if precision <= 0 or recall <= 0:
            return (0.0,)
        return (min(1.0, 2 * precision * recall / (precision + recall)),)

    def see(self, prepared: Vectors) -> Seen:
        """Every token counts."""
        return prepared.seen


def _match(one: Vectors, other: Vectors) -> tuple[float, float]:
    """Mean likeness of each counted token's best match, by rows of the matrix of likenesses and by its columns."""
    import torch  # noqa: PLC0415 - only in the embeddings extra

    with torch.inference_mode():
        by_row = []
        by_column = torch.full((len(other.units),), -torch.inf, device=other.units.device)
        for start in range(0, len(one.units), BLOCK_ROWS):
            likeness = one.units[start : start + BLOCK_ROWS] @ other.units.T
            by_row.append(likeness.amax(dim=1))
            by_column = torch.maximum(by_column, likeness.amax(dim=0))
        means = (torch.cat(by_row)[one.counted], by_column[other.counted])
        precision, recall = (float(best.double().mean()) for best in means)
    return precision, recall


def open_bertscore(model: str, *, revision: str | None = None, layer: int | None = None) -> BertScore:
    """Open BERTScore with a model.

    Args:
        model: a folder, or a name on the hub.
        revision: of a model on the hub.
        layer: whose output counts; may be left out for the models in ``LAYERS``.

    Raises:
        ConfigError: the extra is not installed, the model cannot be loaded, or it has no such layer.
    """
    require_extra()
    import transformers  # noqa: PLC0415 - only in the embeddings extra

    source = {"revision": revision, "trust_remote_code": False}
    with loading(model):
        config = transformers.AutoConfig.from_pretrained(model, **source)
        chosen = _choose_layer(model, config, layer)
        config.num_hidden_layers = chosen  # what comes after it is not even loaded
        tokenizer = transformers.AutoTokenizer.from_pretrained(model, **source)
        network, report = transformers.AutoModel.from_pretrained(
            model, config=config, output_loading_info=True, **source
        )
        missing = [name for name in report["missing_keys"] if not name.startswith("pooler.")]
        if missing:
            raise ValueError(f"has no weights {min(missing)}")
        check_tokenizer(tokenizer)
        window = find_window(tokenizer, network)
    network = network.float().eval().to(choose_device())
    own = window - tokenizer.num_special_tokens_to_add()
    definition = (
        f"F1 of each token's best match (BERTScore, Zhang et al. 2020), no idf, no rescaling; layer {chosen} of "
        f"{describe(model, revision, tokenizer, network)}; windows of {own} tokens, {own // OVERLAP_SHARE} shared"
    )
    return BertScore(tokenizer, network, window, definition)


def _choose_layer(model: str, config: Any, layer: int | None) -> int:
    """Check a layer, or take a known model's own."""
    layers = getattr(config, "num_hidden_layers", None)
    if layers is None or getattr(config, "is_encoder_decoder", False):
        raise ValueError("is no encoder of text")
    chosen = LAYERS.get(model.rstrip("/").rpartition("/")[2]) if layer is None else layer
    name = printable(model)
    if chosen is None:
        raise ConfigError(
            f"{name}: which of its {layers} layers is best for BERTScore is not known",
            f"name one, as in '{name}#{layers}'",
        )
    if not 1 <= chosen <= layers:
        raise ConfigError(f"{name}: has {layers} layers, not {chosen}", f"name one from 1 to {layers}")
    return chosen
