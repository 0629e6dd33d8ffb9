"""The loops one would write first: as many requests at a time as are wanted, and nothing kept but the texts."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from typing import Any, Protocol

import aiohttp
from PIL import Image

from pipeline.engines import EngineRequest
from pipeline.engines.openai.messages import write_request
from pipeline.engines.sampling import standard_fields, vllm_fields


class Bare(Protocol):
    """A way of asking without anything around it."""

    async def ask(self, request: EngineRequest) -> int:
        """Ask about the source's file; the length of the answer, in tokens."""


async def ask_all(requests: Sequence[EngineRequest], bare: Bare, concurrency: int) -> int:
    """Ask everything, so many at a time; the tokens that came back."""
    places = asyncio.Semaphore(concurrency)

    async def take_place(request: EngineRequest) -> int:
        async with places:
            return await bare.ask(request)

    return sum(await asyncio.gather(*map(take_place, requests)))


class BareVllm:
    """``AsyncLLM.generate``, and what nobody gets around: decode the file, fill in the chat template.

    Args:
        llm: the engine; the other side of the race asks the same.
    """

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self._tokenizer = llm.renderer.get_tokenizer()
        self._asked = 0

    async def ask(self, request: EngineRequest) -> int:
        """See :class:`Bare`."""
        from vllm import SamplingParams  # noqa: PLC0415 - no part of the core installation
        from vllm.sampling_params import RepetitionDetectionParams, RequestOutputKind  # noqa: PLC0415

        picture = await asyncio.to_thread(_decode, _file_of(request))
        content = [{"type": "image"}, {"type": "text", "text": request.prompt}]
        prompt = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        fields = {**standard_fields(request), **vllm_fields(request)}
        fields["repetition_detection"] = RepetitionDetectionParams(**fields["repetition_detection"])
        sampling = SamplingParams(**fields, output_kind=RequestOutputKind.FINAL_ONLY)
        self._asked += 1
        inputs = {"prompt": prompt, "multi_modal_data": {"image": picture}}
        outputs = [output async for output in self._llm.generate(inputs, sampling, f"bare-{self._asked}")]
        return len(outputs[-1].outputs[0].token_ids)


class BareHttp:
    """A POST per picture.

    Args:
        session: with its connections kept alive, as is the default.
        url: the server's.
        model: what the server calls it.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, model: str) -> None:
        self._session = session
        self._url = f"{url}/chat/completions"
        self._model = model

    async def ask(self, request: EngineRequest) -> int:
        """See :class:`Bare`."""
        body = write_request(request, self._model, context=None, extensions=True, local_media=False)
        async with self._session.post(
            self._url, data=body, headers={"Content-Type": "application/json"}, raise_for_status=True
        ) as response:
            content = await response.json()
        return int(content["usage"]["completion_tokens"])


def _decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def _file_of(request: EngineRequest) -> bytes:
    assert request.source is not None, "made of plain JPEGs"
    return request.source.data
