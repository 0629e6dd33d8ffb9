"""How each way of running a model is configured. One model per kind; ``EngineConfig`` is any of them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from schemas.base import OPERATIONAL, UNSHOWN, Contract

_URL = re.compile(r"https?://\S+")
_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.ASCII)
_ENVIRONMENT_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")


def _check_url(value: str) -> str:
    if set("@?#") & set(value):
        raise PydanticCustomError(
            UNSHOWN, "a URL without user, password and query is needed; keys are read from api_key_env"
        )
    if not _URL.fullmatch(value) or not _names_server(value):
        raise PydanticCustomError("url", "a URL such as http://127.0.0.1:8000/v1 is needed")
    return value


def _names_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # an open bracket, or a port that is none
        return False
    return ":" in host or _HOST.fullmatch(host) is not None


def _check_environment_name(value: str) -> str:
    if not _ENVIRONMENT_NAME.fullmatch(value):
        raise PydanticCustomError(UNSHOWN, "the name of an environment variable is needed, in capitals, never the key")
    return value


HttpUrl = Annotated[str, AfterValidator(_check_url)]
"""Where a server listens, e.g. ``http://127.0.0.1:8000/v1``. Credentials have no place in it."""

EnvironmentName = Annotated[str, AfterValidator(_check_environment_name)]
"""An environment variable, in capitals. What was given instead is never shown: it may be the secret itself."""


class PixelsEngine(Contract):
    """The embedded engine: measures the picture, asks no model."""

    kind: Literal["pixels"]


class CustomEngine(Contract):
    """An engine of the user's own: a factory ``module:function`` that is called with the teacher and the options."""

    kind: Literal["custom"]
    factory: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*(\.\w+)*:\w+$")]
    options: Annotated[dict[str, Any], OPERATIONAL] = Field(default_factory=dict)


class CanaryConfig(Contract):
    """What an engine must show each time it starts, before it gets any work."""

    images: int = Field(default=8, ge=0)
    """Pinned pictures, the first of the draw; 0 leaves the canaries out."""
    tokens: int = Field(default=128, ge=1)
    """Length of the greedy texts that are compared: long enough to come to the picture after the opening words."""
    agree: Literal["nearest", "exact"] = "nearest"
    """``exact``: a picture's greedy text alone and among the others are the same. ``nearest``: or at least closer to
    each other than to any other picture's, since 16-bit kernels round differently in other batches."""
    min_ok: float = Field(default=0.5, ge=0, le=1)
    """Share of the texts, asked as the build asks, that must be valid pairs."""


_Word = Annotated[str, StringConstraints(min_length=1)]


class _Model(Contract):
    """What decides a model's texts, however it is run. Names and meanings are vLLM's."""

    model: _Word | None = None
    """Repository on the hub or folder of a checkpoint; the teacher's when left out."""
    revision: _Word | None = None
    """The hub's commit hash; the teacher's when left out."""
    quantization: str | None = None
    mm_processor_kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    """Settings of the image processor, such as limits on pixels, over those of the teacher's entry."""
    canaries: Annotated[CanaryConfig, OPERATIONAL] = CanaryConfig()


_OF_THE_CHECKPOINT = frozenset(
    {"trust_remote_code", "code_revision", "tokenizer", "tokenizer_revision", "hf_config_path"}
)
"""Arguments of vLLM's by which it would run other code or weights than those of the named commit."""


class VllmEngine(_Model):
    """vLLM in this process. ``imagenet-think serve`` takes the same settings."""

    kind: Literal["vllm"]
    dtype: str = "auto"
    max_model_len: Annotated[int | None, Field(gt=0), OPERATIONAL] = None
    """Prompt, picture and output together, in tokens; the teacher's setting when left out."""
    tensor_parallel_size: Annotated[int, Field(ge=1), OPERATIONAL] = 1
    data_parallel_size: Annotated[int, Field(ge=1), OPERATIONAL] = 1
    gpu_memory_utilization: Annotated[float, Field(gt=0, le=1), OPERATIONAL] = 0.9
    kv_cache_memory_bytes: Annotated[int | None, Field(gt=0), OPERATIONAL] = None
    max_num_seqs: Annotated[int, Field(ge=1), OPERATIONAL] = 256
    max_num_batched_tokens: Annotated[int | None, Field(ge=1), OPERATIONAL] = None
    stall_seconds: Annotated[float, Field(gt=0), OPERATIONAL] = 300.0
    """An engine that has work and makes no token for this long is taken for dead."""
    engine_args: dict[str, JsonValue] = Field(default_factory=dict)
    """Any other of vLLM's engine arguments. They may change texts, and so belong to the identity."""

    @field_validator("engine_args")
    @classmethod
    def validate_engine_args(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Only others: what a row says of its text, and what was checked beforehand, is read off the settings above."""
        for name in arguments:
            if name in cls.model_fields:
                raise PydanticCustomError(UNSHOWN, "{name} is a setting of its own: engine.{name}", {"name": name})
            if name in _OF_THE_CHECKPOINT:
                raise PydanticCustomError(
                    UNSHOWN, "{name} cannot be set: engine.model and engine.revision decide it", {"name": name}
                )
            if name == "hf_token":
                raise PydanticCustomError(UNSHOWN, "no place for a token: set the environment variable HF_TOKEN")
        return arguments


class OpenAIEngine(_Model):
    """Servers that speak the OpenAI protocol: ``vllm serve``, one or many, or any other."""

    kind: Literal["openai"]
    base_urls: Annotated[tuple[HttpUrl, ...], Field(min_length=1), OPERATIONAL]
    """One per server, ``/v1`` included."""
    dtype: str | None = None
    """As the servers say themselves when left out; only those of ``imagenet-think serve`` do."""
    served_model: Annotated[str | None, OPERATIONAL] = None
    """The model's name at the servers; when left out, the one name that they list."""
    requests_per_server: Annotated[int, Field(ge=1), OPERATIONAL] = 256
    request_seconds: Annotated[float, Field(gt=0), OPERATIONAL] = 1800.0
    """A request without an answer for this long is taken back and asked elsewhere."""
    local_media: Annotated[bool, OPERATIONAL] = False
    """The servers may read the source's files themselves (``--allowed-local-media-path``)."""
    api_key_env: Annotated[EnvironmentName, OPERATIONAL] = "OPENAI_API_KEY"
    """Environment variable that holds the key, where one is needed. The key itself never stands in a file."""
    extensions: bool = True
    """The servers take vLLM's additions to the protocol, such as ``top_k`` and ``repetition_detection``."""


ModelEngine = VllmEngine | OpenAIEngine
"""Engines with a model behind them."""

EngineConfig = Annotated[PixelsEngine | CustomEngine | VllmEngine | OpenAIEngine, Field(discriminator="kind")]
