"""What a completion says, read strictly: the text must be raw, or it is not taken."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pipeline.engines.base import EngineRequest
from pipeline.engines.openai.address import Address
from pipeline.engines.openai.answers import RequestFailedError, ServerAwayError
from pipeline.engines.sampling import vllm_fields
from schemas.completion import FinishReason
from schemas.errors import EngineError, RequestRefusedError

_LONGEST_REASON = 200

_MOST_TOKENS = 2**31
"""Beyond any context; a larger count is no count."""

_TOO_LONG = re.compile(r"context length|maximum model length|max_model_len|too long", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """The first choice of a completion."""

    text: str
    finish_reason: FinishReason
    stop_reason: str | None
    completion_tokens: int | None
    """``None`` where the server does not count."""
    prompt_tokens: int | None
    token_ids: tuple[int, ...] | None
    """Of the text; only where they were asked for, and the server knows how."""


def read_reply(content: dict[str, Any], address: Address) -> Reply:
    """Read the answer to a chat request.

    Raises:
        ServerAwayError: it is no completion.
        RequestFailedError: the server gave the request up.
        EngineError: the server takes the thinking out of the text.
    """
    try:
        choice = content["choices"][0]
        message = choice["message"]
        text = message["content"]
        if not isinstance(text, str | None):
            raise TypeError  # noqa: TRY301 - the same complaint as for what is missing
        is_raw = message.get("reasoning") is None and message.get("reasoning_content") is None
        finish, stop = _read_finish(choice.get("finish_reason"), choice.get("stop_reason"))
        usage = content.get("usage") or {}
        counts = [_read_count(usage.get(name)) for name in ("completion_tokens", "prompt_tokens")]
        ids = choice.get("token_ids")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ServerAwayError(f"{address} answers with JSON that is no completion") from error
    if not is_raw:
        raise EngineError(
            f"{address} takes the thinking out of the text, which is not raw any more",
            "start the server without --reasoning-parser",
        )
    if finish is FinishReason.ABORT:
        # nobody here gave it up: the server is about to go
        raise RequestFailedError(f"{address} broke off")
    return Reply(text or "", finish, stop, counts[0], counts[1], tuple(ids) if isinstance(ids, list) else None)


def explain_refusal(refusal: RequestRefusedError, request: EngineRequest) -> EngineError:
    """The same refusal with a remedy; an error that stops the run where it is about every request, not this one."""
    said = refusal.problem
    if "thinking_token_budget" in said or "reasoning_config" in said:
        return RequestRefusedError(said, "start the server with imagenet-think serve, or give it a --reasoning-config")
    if _TOO_LONG.search(said):
        return RequestRefusedError(said, "picture, prompt and max_tokens must fit into the server's max_model_len")
    if names := [name for name in vllm_fields(request) if name in said]:
        return EngineError(
            f"{said}: the request's {', '.join(names)} is not accepted",
            "set engine.extensions: false for a server that is not vLLM, or correct the sampling",
        )
    return refusal


def _read_finish(finish: Any, stop: Any) -> tuple[FinishReason, str | None]:
    if finish in tuple(FinishReason):
        return FinishReason(finish), None if stop is None else str(stop)[:_LONGEST_REASON]
    return FinishReason.ERROR, f"finish_reason {finish}"[:_LONGEST_REASON]


def _read_count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None
