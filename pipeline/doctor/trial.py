"""The proof: each teacher's architecture, small and with random weights, asked through the real engine."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline.doctor.cases import AnyEngine, Case, on
from pipeline.doctor.finding import Finding, fault, ok, refusal
from pipeline.doctor.gpus import has_gpu
from pipeline.doctor.packages import find_vllm
from pipeline.engines import Engine, EngineReply, EngineRequest, create_engine
from pipeline.engines.vllm.tiny import CPU_ENGINE_ARGS, build_tiny
from pipeline.progress import Progress, Task
from pipeline.teachers import GRAMMARS
from schemas.completion import FinishReason
from schemas.engines import CanaryConfig, VllmEngine
from schemas.errors import ImageNetThinkError
from schemas.teacher import TeacherSpec

PICTURES = 16
TOKENS = 64
"""Length of an answer, at most."""

SIDE = 224
PROMPT = "Describe this picture step by step."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a trial."""

    replies: list[EngineReply]
    again: list[EngineReply]
    """One picture, alone, twice with one seed."""
    start_seconds: float
    seconds: float
    """Of the pictures all together."""
    device: str


def try_engines(cases: Sequence[Case[AnyEngine]], progress: Progress) -> Iterator[Finding]:
    """Start vLLM for each teacher that it is to run, on a small checkpoint, and ask it about a few pictures."""
    for case in on(VllmEngine, cases):
        what = f"{case.spec.name} trial"
        vllm = find_vllm()
        if vllm is None:
            yield fault(what, "vLLM is not installed here", "pip install 'imagenet-think[gpu]'")
            continue
        try:
            with (
                tempfile.TemporaryDirectory(prefix="imagenet-think-") as folder,
                progress.task(f"try {case.spec.name}", None, "pictures") as task,
            ):
                # one name for every trial: transformers keeps a copy of remote code under the folder's name, for ever
                checkpoint = build_tiny(case.spec.grammar, Path(folder) / f"trial-{case.spec.name}")
                settings = _configure(checkpoint, on_gpu=has_gpu() and not vllm.for_cpus)
                outcome = asyncio.run(_try(case.spec, settings, task))
        except ImageNetThinkError as error:
            yield refusal(what, error)
        except Exception as error:  # noqa: BLE001 - an installation can be broken in any way; that it is, is the finding
            said = (str(error).strip().splitlines() or [""])[0][:200]
            yield fault(
                what, f"{type(error).__name__}: {said}", "install vLLM, torch and torchvision of one build again"
            )
        else:
            yield judge(what, outcome)


def _configure(checkpoint: Path, *, on_gpu: bool) -> VllmEngine:
    """As little of the machine as will do: others may be at work on it. On a GPU all is compiled, as for a build."""
    return VllmEngine(
        kind="vllm",
        model=str(checkpoint),
        dtype="auto" if on_gpu else "float32",
        max_model_len=1024,
        max_num_seqs=PICTURES,
        # All prompts at once, twice over: on processors vLLM 0.32 cannot split a prompt whose request has a seed.
        max_num_batched_tokens=4096,
        gpu_memory_utilization=0.05,
        kv_cache_memory_bytes=256 * 2**20,
        canaries=CanaryConfig(images=0),
        engine_args={} if on_gpu else {**CPU_ENGINE_ARGS},
    )


async def _try(teacher: TeacherSpec, config: VllmEngine, task: Task) -> Outcome:
    began = time.monotonic()
    engine = create_engine(config, teacher, GRAMMARS[teacher.grammar])
    started = time.monotonic()
    try:
        # what a device compiles and allocates for its first request is no part of its speed
        again = [await engine.complete(_request(teacher, 0)) for _ in range(2)]
        asked = time.monotonic()
        replies = await asyncio.gather(*(_ask(engine, teacher, number, task) for number in range(PICTURES)))
        seconds = time.monotonic() - asked
        return Outcome(replies, again, started - began, seconds, engine.info.versions.get("device", "unknown device"))
    finally:
        await engine.close()


async def _ask(engine: Engine, teacher: TeacherSpec, number: int, task: Task) -> EngineReply:
    reply = await engine.complete(_request(teacher, number))
    task.advance()
    return reply


def _request(teacher: TeacherSpec, number: int) -> EngineRequest:
    sampling = teacher.sampling.model_copy(update={"max_tokens": TOKENS})
    return EngineRequest(f"trial-{number}", _picture(number), PROMPT, sampling, seed=number)


def _picture(number: int) -> Image.Image:
    """A square on a plain ground, both of the picture's own colours."""
    picture = Image.new("RGB", (SIDE, SIDE), _colour(number))
    picture.paste(_colour(number + PICTURES), (SIDE // 4, SIDE // 4, SIDE // 4 * 3, SIDE // 4 * 3))
    return picture


def _colour(number: int) -> tuple[int, int, int]:
    # steps that have no divisor in common with 256 meet every level before they repeat
    return number * 37 % 256, number * 101 % 256, number * 171 % 256


def judge(what: str, outcome: Outcome) -> Finding:
    """Whether the engine did what an engine must; what a model with random weights says means nothing."""
    remedy = "look at vLLM's own messages: VLLM_LOGGING_LEVEL=INFO imagenet-think doctor --engine"
    whole = {FinishReason.STOP, FinishReason.LENGTH, FinishReason.REPETITION}
    good = [reply for reply in outcome.replies if reply.finish_reason in whole and reply.completion_tokens]
    if len(good) < PICTURES:
        reasons = sorted({str(reply.finish_reason) for reply in outcome.replies if reply not in good})
        return fault(what, f"{PICTURES - len(good)} of {PICTURES} answers are no good ({', '.join(reasons)})", remedy)
    first, second = outcome.again
    if first.text != second.text:
        return fault(what, "one picture asked twice with one seed got two texts", remedy)
    tokens = sum(reply.completion_tokens for reply in outcome.replies)
    rate = tokens / outcome.seconds if outcome.seconds else 0.0
    return ok(
        what,
        f"{PICTURES} pictures answered on {outcome.device}: {tokens:,} tokens in {outcome.seconds:.1f} s "
        f"({rate:,.0f} tokens/s of a tiny model), one seed one text, started in {outcome.start_seconds:.0f} s",
    )
