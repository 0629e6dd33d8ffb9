"""The request for one completion, as the bytes that go over the wire."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

from pipeline.engines.base import EngineRequest
from pipeline.engines.sampling import standard_fields, vllm_fields

_FASTEST = 1
"""zlib's level: a quarter larger than the default's and several times quicker; the wire is seldom the bottleneck."""


def write_request(
    request: EngineRequest, served: str, *, context: int | None, extensions: bool, local_media: bool
) -> bytes:
    """JSON of a chat request: the picture first, then the words, as the engine in process has them.

    Takes milliseconds for a picture that must be encoded; safe to call in any thread.

    Args:
        request: the question.
        served: the model's name at the server.
        context: longest prompt and output together that the server takes, in tokens. vLLM refuses a limit beyond it.
        extensions: send what only vLLM understands.
        local_media: name the source's file instead of sending it, where there is one.
    """
    content = [
        {"type": "image_url", "image_url": {"url": write_image(request, local_media=local_media)}},
        {"type": "text", "text": request.prompt},
    ]
    told = [] if request.system is None else [{"role": "system", "content": request.system}]
    body: dict[str, Any] = {
        "model": served,
        "messages": [*told, {"role": "user", "content": content}],
        **standard_fields(request),
    }
    if context is not None:
        body["max_tokens"] = min(body["max_tokens"], context)
    if extensions:
        body |= vllm_fields(request)
        body["return_token_ids"] = True  # cheaper than to ask for the length of thinking and answer afterwards
    return json.dumps(body).encode()


def write_image(request: EngineRequest, *, local_media: bool) -> str:
    """URL of the picture: the source's own file or bytes, else a PNG of the normalised picture; no pixel changes."""
    source = request.source
    if source is None:
        buffer = io.BytesIO()
        request.image.save(buffer, "PNG", compress_level=_FASTEST)
        return f"data:image/png;base64,{base64.b64encode(buffer.getbuffer()).decode()}"
    if local_media and source.path is not None:
        return source.path.resolve().as_uri()
    return f"data:image/jpeg;base64,{base64.b64encode(source.data).decode()}"
