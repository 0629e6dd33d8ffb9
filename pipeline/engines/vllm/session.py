"""One running vLLM engine: requests in, untouched texts out."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import itertools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pydantic import JsonValue
from vllm import AsyncEngineArgs, RequestOutput, SamplingParams
from vllm.exceptions import GracefulHTTPError, RetryableRequestError, VLLMError
from vllm.renderers import ChatParams
from vllm.renderers.params import TokenizeParams
from vllm.sampling_params import RepetitionDetectionParams, RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError
from vllm.v1.metrics.loggers import StatLoggerBase

from pipeline.engines.base import EngineInfo, EngineReply, EngineRequest
from pipeline.engines.checkpoint import Checkpoint
from pipeline.engines.sampling import standard_fields, vllm_fields
from pipeline.engines.thinking import is_forced, split_tokens
from pipeline.engines.vllm.console import Console
from pipeline.engines.vllm.failures import explain_death, explain_refusal, explain_start
from pipeline.engines.vllm.processes import Processes
from pipeline.engines.vllm.provenance import describe_engine
from pipeline.engines.vllm.pulse import Pulse
from pipeline.teachers import Grammar
from schemas.completion import FinishReason
from schemas.engines import VllmEngine
from schemas.errors import EngineDiedError, EngineUnavailableError
from schemas.teacher import TeacherSpec

_RESERVE = 1.5
"""Requests in flight per place in the batch: whenever one ends, the next waits inside vLLM already."""

_CHECKS_PER_STALL = 10

_GRACE = 5.0
"""Seconds in which an engine's processes may give back what they hold before they are killed."""


class Session:
    """A teacher in vLLM, from the start of its processes to their end.

    Args:
        config: how vLLM is set up.
        teacher: who is asked.
        grammar: the teacher's output format, for its markers of thinking.
        checkpoint: the weights.
        arguments: vLLM's engine arguments.
        talkative: show everything that vLLM's processes write.

    Raises:
        ConfigError: an engine argument does not exist.
        EngineError: the engine does not start.
    """

    def __init__(
        self,
        config: VllmEngine,
        teacher: TeacherSpec,
        grammar: Grammar,
        checkpoint: Checkpoint,
        arguments: Mapping[str, JsonValue],
        *,
        talkative: bool,
    ) -> None:
        self._name = teacher.name
        self._stall = config.stall_seconds
        self._pulse = Pulse()
        console = Console(talkative=talkative)
        self._processes = Processes(console)
        try:
            with self._processes.starting():
                self._llm = _launch(arguments, self._pulse)
        except Exception as error:
            raise explain_start(teacher.name, error, self._processes.last_words()) from error
        console.hush()
        # vLLM's own threads change the state of its tokenizer, so this one is for one thread only.
        self._tokenizer = copy.deepcopy(self._llm.renderer.get_tokenizer())
        self._counting = ThreadPoolExecutor(1, thread_name_prefix="count-tokens")
        self._opening, self._closing = map(self._encode, grammar.think)
        self._info = _describe(self._llm, checkpoint)
        self._numbers = itertools.count()
        self._watch: asyncio.Task[None] | None = None
        self._end: EngineDiedError | None = None

    @property
    def info(self) -> EngineInfo:
        """The model, and what it runs on."""
        return self._info

    @property
    def concurrency(self) -> int:
        """What vLLM batches, and a reserve that waits inside it."""
        config = self._llm.vllm_config
        places: int = config.scheduler_config.max_num_seqs * config.parallel_config.data_parallel_size
        return max(places + 1, int(places * _RESERVE))

    async def complete(self, request: EngineRequest) -> EngineReply:
        """Answer one request.

        Raises:
            RequestRefusedError: this request cannot be answered, now or ever.
            EngineUnavailableError: vLLM says to try again, e.g. where the user has limited how many requests may wait.
            EngineDiedError: the engine is gone.
        """
        self._require_life()
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_pulse())
        try:
            with self._pulse.working():
                output = await self._generate(request)
        except EngineDeadError as error:
            raise self._find_end(error) from error
        except (GracefulHTTPError, RetryableRequestError) as error:
            raise EngineUnavailableError(f"{self._name}: {error}") from error
        except (VLLMError, ValueError, RuntimeError) as error:
            if self._llm.errored:
                raise self._find_end(error) from error
            # Not only vLLM's own: processors raise what they like about a picture, and would again. What says that a
            # call of ours does not fit this vLLM (TypeError and its like) concerns every request and is not caught.
            raise explain_refusal(self._name, error, self._llm.model_config.max_model_len) from error
        return self._reply(output, request)

    async def count_tokens(self, text: str) -> int:
        """Length of a text in the model's own tokens, special ones that the tokenizer would add left out.

        Raises:
            EngineDiedError: the engine is gone.
        """
        self._require_life()
        loop = asyncio.get_running_loop()
        return len(await loop.run_in_executor(self._counting, self._encode, text))

    async def close(self) -> None:
        """End the engine's processes, whatever state they are in, and wait until they are gone."""
        was_alive = self._end is None
        self._end = self._end or EngineDiedError(f"{self._name}: the engine was closed", "start a new one")
        if self._watch is not None:
            self._watch.cancel()
        self._counting.shutdown(wait=False)
        await asyncio.to_thread(self._stop, _GRACE if was_alive else 0.0)

    def _stop(self, grace: float) -> None:
        self._llm.shutdown(timeout=grace)
        self._processes.kill()

    async def _generate(self, request: EngineRequest) -> RequestOutput:
        prompt = await self._render(request)
        number = next(self._numbers)  # a request that is asked again is a new one to vLLM
        outputs = self._llm.generate(prompt, _sampling(request), f"{request.request_id}#{number}")
        (output,) = [output async for output in outputs]  # only the final one is asked for
        return output

    async def _render(self, request: EngineRequest) -> Any:
        """The prompt as the server's chat endpoint makes it, by the same call.

        It is made anew for each request, though only the picture differs: it costs a millisecond beside the picture's
        own processing, runs in vLLM's threads, and cannot come to differ from the server's. The picture gets no name
        of its own: with both caches off vLLM numbers the pictures, and with a cache it hashes the pixels.
        """
        message = {
            "role": "user",
            "content": [{"type": "image_pil", "image_pil": request.image}, {"type": "text", "text": request.prompt}],
        }
        told = [] if request.system is None else [{"role": "system", "content": request.system}]
        _, (prompt,) = await self._llm.renderer.render_chat_async(
            [[*told, message]],
            ChatParams(chat_template_kwargs={"add_generation_prompt": True, "continue_final_message": False}),
            # the template writes the special tokens
            TokenizeParams(max_total_tokens=self._llm.model_config.max_model_len, add_special_tokens=False),
        )
        return prompt

    def _reply(self, output: RequestOutput, request: EngineRequest) -> EngineReply:
        answer = output.outputs[0]
        tokens = list(answer.token_ids)
        return EngineReply(
            text=answer.text,
            finish_reason=FinishReason(str(answer.finish_reason)),
            stop_reason=None if answer.stop_reason is None else str(answer.stop_reason),
            completion_tokens=len(tokens),
            prompt_tokens=len(output.prompt_token_ids or ()),
            forced_close=is_forced(tokens, self._opening, self._closing, request.thinking_budget),
            split=split_tokens(tokens, self._opening, self._closing),
        )

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    def _require_life(self) -> None:
        if self._end is not None:
            raise EngineDiedError(self._end.problem, self._end.remedy)
        if self._llm.errored:
            raise self._find_end()

    def _find_end(self, error: Exception | None = None) -> EngineDiedError:
        if self._end is None:
            output = self._processes.last_words()
            self._end = explain_death(self._name, output, self._processes.exit_signals(), error)
        return EngineDiedError(self._end.problem, self._end.remedy)

    async def _watch_pulse(self) -> None:
        """Kill an engine that has work and makes no token; all requests in flight then meet its death."""
        interval = self._stall / _CHECKS_PER_STALL
        while self._end is None:
            await asyncio.sleep(interval)
            # By the number of checks, not the clock: where this process itself stood still, vLLM was not heard either.
            if (silent := self._pulse.pass_time(interval)) >= self._stall:
                self._end = EngineDiedError(f"{self._name}: vLLM's engine made no token for {silent:.0f} s")
                await asyncio.to_thread(self._processes.kill)


class _Beats(StatLoggerBase):  # type: ignore[misc]  # vLLM is no part of the core installation
    """Hears of every step of one replica, though only whole answers are asked for: vLLM's statistics come with each."""

    def __init__(self, pulse: Pulse, replica: int) -> None:
        self._pulse = pulse
        self._replica = replica
        self._usage = 0.0
        pulse.beat(replica, busy=False)

    def record(self, scheduler_stats: Any, iteration_stats: Any, *_: Any, **__: Any) -> None:
        # Steps of a long prefill bring no token, but fill the cache; a step that does neither is no progress.
        usage = getattr(scheduler_stats, "kv_cache_usage", self._usage)
        if iteration_stats is None and usage == self._usage:
            return
        self._usage = usage
        waiting = (getattr(scheduler_stats, name, 0) for name in ("num_running_reqs", "num_waiting_reqs"))
        self._pulse.beat(self._replica, busy=any(waiting))

    def log_engine_initialized(self) -> None:
        pass


def _launch(arguments: Mapping[str, JsonValue], pulse: Pulse) -> AsyncLLM:
    settings: dict[str, Any] = {"disable_log_stats": True, **arguments}
    return AsyncLLM.from_engine_args(
        AsyncEngineArgs(**settings), stat_loggers=[lambda _, replica=0: _Beats(pulse, replica)]
    )


def _sampling(request: EngineRequest) -> SamplingParams:
    fields = {**standard_fields(request), **vllm_fields(request)}
    fields["repetition_detection"] = RepetitionDetectionParams(**fields["repetition_detection"])
    return SamplingParams(**fields, output_kind=RequestOutputKind.FINAL_ONLY)


def _describe(llm: AsyncLLM, checkpoint: Checkpoint) -> EngineInfo:
    info = describe_engine(llm.vllm_config, checkpoint.revision)
    if checkpoint.is_pinned:
        return info
    warning = (
        f"{checkpoint.model}: revision not pinned; this run uses commit {checkpoint.revision}; set engine.revision"
    )
    return dataclasses.replace(info, warnings=(warning,))
