"""The engine: one question in, one raw text out, whichever of the servers writes it."""

from __future__ import annotations

import asyncio

from pipeline.engines.base import EngineInfo, EngineReply, EngineRequest
from pipeline.engines.openai.asking import COMPLETIONS, TOKENIZE, Asker
from pipeline.engines.openai.identity import Party
from pipeline.engines.openai.introduction import read_tokens, tokenize_body
from pipeline.engines.openai.messages import write_request
from pipeline.engines.openai.replies import Reply, explain_refusal, read_reply
from pipeline.engines.thinking import is_forced, split_tokens
from schemas.errors import EngineError, RequestRefusedError

SECONDS_TO_COUNT = 120.0
"""For the tokens of one text, at a server that may be busy with hundreds of pictures."""

CHARACTERS_PER_TOKEN = 4.0
"""Of English prose, roughly; until a server's own figures say otherwise."""


class OpenAIClient:
    """A teacher behind HTTP servers: an ``Engine``.

    Args:
        party: who the servers are, and how they are to be asked.
    """

    def __init__(self, party: Party) -> None:
        self._party = party
        self._asker = Asker(party)
        self._seen_characters, self._seen_tokens = 0, 0

    @property
    def info(self) -> EngineInfo:
        """Who is asked."""
        return self._party.info

    @property
    def concurrency(self) -> int:
        """As many requests as all servers together are allowed."""
        return len(self._party.addresses) * self._party.config.requests_per_server

    async def complete(self, request: EngineRequest) -> EngineReply:
        """Ask whichever server has the least to do, and another one where that fails.

        Raises:
            EngineUnavailableError: no server is up.
            RequestRefusedError: the request cannot be answered, or broke servers that are well again and again.
            EngineError: nothing can be answered before somebody mends the configuration.
            EngineDiedError: the engine was closed.
        """
        self._asker.assert_open()
        config = self._party.config
        # encoding a large picture takes long enough to hold up everybody else
        body = await asyncio.to_thread(
            write_request,
            request,
            self._party.served,
            context=self._party.context,
            extensions=config.extensions,
            local_media=config.local_media,
        )
        try:
            reply = await self._asker.ask(COMPLETIONS, body, config.request_seconds, read_reply)
        except RequestRefusedError as refusal:
            raise explain_refusal(refusal, request) from refusal
        tokens = reply.completion_tokens
        if tokens is not None:
            self._seen_characters += len(reply.text)
            self._seen_tokens += tokens
        return EngineReply(
            text=reply.text,
            finish_reason=reply.finish_reason,
            stop_reason=reply.stop_reason,
            completion_tokens=await self.count_tokens(reply.text) if tokens is None else tokens,
            prompt_tokens=reply.prompt_tokens,
            forced_close=await self._was_forced(reply, request.thinking_budget),
            split=self._split(reply),
        )

    async def count_tokens(self, text: str) -> int:
        """Length of a text in the model's own tokens, as a server counts them.

        Where servers do not count (``info.versions`` says so), its characters over those per token so far.

        Raises:
            EngineUnavailableError: no server is up.
            EngineError: see :meth:`complete`.
        """
        self._asker.assert_open()
        if not text:
            return 0
        if self._party.markers is None:
            per_token = self._seen_characters / self._seen_tokens if self._seen_characters else CHARACTERS_PER_TOKEN
            return max(1, round(len(text) / per_token))
        # a lone surrogate is nothing that a tokenizer takes
        body = tokenize_body(self._party.served, text.encode("utf-8", "replace").decode())
        try:
            return await self._asker.ask(TOKENIZE, body, SECONDS_TO_COUNT, read_tokens)
        except RequestRefusedError as refusal:
            raise EngineError(f"the tokens of a text cannot be counted: {refusal.problem}") from refusal

    async def close(self) -> None:
        """Take back what is in flight; no request may follow."""
        await self._asker.close()

    def _split(self, reply: Reply) -> tuple[int, int] | None:
        if reply.token_ids is None or self._party.markers is None:
            return None
        return split_tokens(reply.token_ids, *self._party.markers)

    async def _was_forced(self, reply: Reply, budget: int | None) -> bool:
        if budget is None or not self._party.config.extensions:
            return False
        if reply.token_ids is not None and self._party.markers is not None:
            return is_forced(reply.token_ids, *self._party.markers, budget)
        opening, closing = self._party.grammar.think
        head, closed, _ = reply.text.partition(closing)
        return bool(closed) and await self.count_tokens(head.rpartition(opening)[2]) >= budget
