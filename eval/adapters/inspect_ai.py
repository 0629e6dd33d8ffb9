"""The benchmark as a task of inspect-ai."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.adapters.scorer import MAX_NEW_TOKENS, Scorer, check_pictures, open_scorer
from eval.scoring import AUTO, Prediction
from eval.scoring.families import check_tags
from schemas.benchmark import BenchmarkItem
from schemas.completion import FinishReason

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ModelOutput

CUT_OFF = ("max_tokens", "model_length")
"""Stop reasons that mean an unfinished text."""


def build_task(benchmark: str, tags: str) -> Task:
    """The task: one sample per item, asked once, scored by every metric; standard errors clustered by class.

    Args:
        benchmark: folder of the benchmark.
        tags: family of thinking tags, or ``auto``.

    Raises:
        ConfigError: there is no such family of tags.
        DatasetError: there is no benchmark, it is damaged, or it has no pictures.
    """
    from inspect_ai import Task  # noqa: PLC0415 - not in the core installation
    from inspect_ai.dataset import MemoryDataset  # noqa: PLC0415 - the same
    from inspect_ai.model import GenerateConfig  # noqa: PLC0415 - the same
    from inspect_ai.solver import generate  # noqa: PLC0415 - the same

    check_tags(tags)
    scorer = open_scorer(Path(benchmark))
    check_pictures(scorer.benchmark)
    manifest = scorer.benchmark.manifest
    samples = [_make_sample(item) for item in scorer.benchmark.items(pictures=True)]
    return Task(
        dataset=MemoryDataset(samples, name=manifest.name, location=benchmark),
        solver=generate(),
        scorer=_make_scorer(scorer, tags),
        config=GenerateConfig(max_tokens=MAX_NEW_TOKENS),
        metadata={"benchmark": manifest.name, "benchmark_sha256": manifest.sha256, "tags": tags},
    )


def _make_sample(item: BenchmarkItem) -> Sample:
    from inspect_ai.dataset import Sample  # noqa: PLC0415 - not in the core installation
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText  # noqa: PLC0415 - the same

    assert item.image is not None
    picture = f"data:image/jpeg;base64,{base64.b64encode(item.image.bytes).decode()}"
    return Sample(
        id=item.key,
        input=[ChatMessageUser(content=[ContentImage(image=picture), ContentText(text=item.prompt)])],
        target=[reference.answer for reference in item.references],
        metadata={"wnid": item.wnid, "domain": item.domain, "level": item.level, "stratum": item.stratum},
    )


def _make_scorer(scorer: Scorer, tags: str) -> Any:
    from inspect_ai.scorer import Score, mean, stderr  # noqa: PLC0415 - not in the core installation
    from inspect_ai.scorer import scorer as registered  # noqa: PLC0415 - the same

    items = {item.key: item for item in scorer.benchmark.items()}

    def imagenet_think() -> Callable[[Any, Any], Awaitable[Score]]:
        async def score(state: Any, _target: Any) -> Score:
            item = items[state.sample_id]
            prediction = read_output(state.output, item.key, scorer, tags)
            return Score(
                value=scorer.score(item, prediction),
                answer=prediction.answer,
                metadata={"thinking": prediction.thinking, "status": prediction.status},
            )

        return score

    return registered(metrics={"*": [mean(), stderr(cluster="wnid")]}, name="imagenet_think")(imagenet_think)()


def read_output(output: ModelOutput, key: str, scorer: Scorer, tags: str) -> Prediction:
    """What a model wrote, thinking and answer told apart.

    inspect-ai takes ``<think>`` tags out of some texts, and some providers send the thinking on its own: it is put back
    before the answer, for the parser to read both, since an answer may have tags of its own.

    Args:
        output: of the model.
        key: of the item.
        scorer: of the benchmark.
        tags: family of thinking tags, or ``auto``; for texts that came in one piece.
    """
    if output.empty:
        return scorer.read(key, "", FinishReason.STOP, tags)
    reason = FinishReason.LENGTH if output.stop_reason in CUT_OFF else FinishReason.STOP
    content = output.message.content
    parts = [] if isinstance(content, str) else content
    thinking = "\n".join(_thinking_of(part) for part in parts if part.type == "reasoning")
    if not thinking:
        return scorer.read(key, output.message.text, reason, tags)
    return scorer.read(key, f"<think>{thinking}</think>{output.message.text}", reason, AUTO)


def _thinking_of(part: Any) -> str:
    """The thinking as far as the provider shows it: some show a summary only."""
    return (part.summary or "") if part.redacted else part.reasoning
