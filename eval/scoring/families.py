"""The families of thinking tags that predictions may come in, each read by the pipeline's own parser."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from eval.scoring.boxed import BoxedGrammar, find_box
from pipeline.teachers import GRAMMARS, Grammar, MarkerGrammar
from schemas.completion import FinishReason, ThinkingAnswer
from schemas.errors import ConfigError

AUTO = "auto"
"""Chooses the family text by text, see :func:`choose_family`."""

_ANSWER = ("<answer>", "</answer>")
_END_TOKENS = ("<|im_end|>", "<|endoftext|>", "</s>")
"""What ends a turn of Qwen2.5-VL, InternVL and Llama, which most open reasoning models are trained from."""


def _tagged(name: str) -> MarkerGrammar:
    """``<name>T</name>A``, with or without answer tags; chat templates may have written the opening tag."""
    return MarkerGrammar(
        name=name,
        think=(f"<{name}>", f"</{name}>"),
        think_may_be_prefilled=True,
        answer=_ANSWER,
        end_tokens=_END_TOKENS,
    )


THINK = _tagged("think")
BOXED = BoxedGrammar("boxed", _END_TOKENS)
GLM, KIMI = GRAMMARS["glm-4.1v"], GRAMMARS["kimi-vl"]

_ALL = (GLM, KIMI, THINK, _tagged("thinking"), _tagged("reasoning"), BOXED)

FAMILIES: Mapping[str, Grammar] = MappingProxyType({grammar.name: grammar for grammar in _ALL})
"""Every family, by the name that ``--tags`` takes."""

_MARKED = tuple(grammar for grammar in _ALL if grammar not in (GLM, BOXED))
"""Families that their thinking's markers tell apart."""

_GLM_ALONE = ("<|begin_of_box|>", "<|end_of_box|>", "<|user|>", "<|observation|>")
"""What tells GLM's texts from those of others that write ``<think>``."""


def choose_family(raw: str) -> Grammar:
    r"""The family whose marker of thinking, opening or closing, stands first in a text.

    Where that is ``<think>`` or ``</think>``, GLM's if the text holds a token of GLM's own. ``boxed`` where no thinking
    is marked but a ``\boxed{...}`` closes; ``think`` where there is nothing of all this, so that all is the answer.
    """
    places = {
        grammar.name: min(place for marker in grammar.think if (place := raw.find(marker)) >= 0)
        for grammar in _MARKED
        if any(marker in raw for marker in grammar.think)
    }
    if not places:
        return BOXED if find_box(raw) else THINK
    family = FAMILIES[min(places, key=places.__getitem__)]
    return GLM if family is THINK and any(token in raw for token in _GLM_ALONE) else family


def parse_raw(raw: str, finish_reason: FinishReason, tags: str, language: str) -> ThinkingAnswer:
    """Take a raw text apart.

    Args:
        raw: what the model wrote.
        finish_reason: why it stopped.
        tags: a family, or ``AUTO``.
        language: language that was asked for, ISO 639-1.
    """
    grammar = choose_family(raw) if tags == AUTO else FAMILIES[tags]
    return grammar.parse(raw, finish_reason, language)


def check_tags(tags: str) -> None:
    """See that a name stands for a family.

    Raises:
        ConfigError: it does not.
    """
    known = (AUTO, *FAMILIES)
    if tags not in known:
        guess = difflib.get_close_matches(tags, known, n=1)
        question = f"did you mean {guess[0]}? " if guess else ""
        raise ConfigError(f"tags: there is no family {tags!r}", f"{question}known are {', '.join(known)}")
