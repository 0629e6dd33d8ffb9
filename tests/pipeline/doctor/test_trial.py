"""How a trial of the engine is judged, and what stands in for one where vLLM is not installed."""

from __future__ import annotations

import pytest

from pipeline.doctor.finding import Level
from pipeline.doctor.trial import PICTURES, Outcome, judge, try_engines
from pipeline.engines import EngineReply
from pipeline.progress import Silent
from schemas.completion import FinishReason
from tests.pipeline.doctor.world import GLM, Installation, find, on_vllm


def reply(text: str = "words", reason: FinishReason = FinishReason.LENGTH, tokens: int = 64) -> EngineReply:
    return EngineReply(text, reason, None, tokens)


def outcome(*odd: EngineReply, again: tuple[str, str] = ("one", "one")) -> Outcome:
    replies = [*odd, *(reply() for _ in range(PICTURES - len(odd)))]
    return Outcome(replies, [reply(text) for text in again], start_seconds=20.0, seconds=0.5, device="1 x NVIDIA H200")


def test_answers_to_all_pictures_are_the_proof() -> None:
    finding = judge("trial", outcome())
    assert finding.level is Level.OK
    assert "1,024 tokens in 0.5 s (2,048 tokens/s of a tiny model)" in finding.detail
    assert "1 x NVIDIA H200" in finding.detail


@pytest.mark.parametrize("reason", [FinishReason.STOP, FinishReason.REPETITION])
def test_a_text_may_end_by_itself(reason: FinishReason) -> None:
    assert judge("trial", outcome(reply(reason=reason, tokens=3))).level is Level.OK


@pytest.mark.parametrize("odd", [reply(tokens=0), reply(reason=FinishReason.ERROR), reply(reason=FinishReason.ABORT)])
def test_an_answer_without_tokens_or_with_an_error_is_a_fault(odd: EngineReply) -> None:
    finding = judge("trial", outcome(odd, odd))
    assert finding.level is Level.FAULT
    assert f"2 of {PICTURES} answers are no good ({odd.finish_reason})" in finding.detail


def test_two_texts_from_one_seed_are_a_fault() -> None:
    assert judge("trial", outcome(again=("one", "two"))).level is Level.FAULT


@pytest.mark.usefixtures("no_vllm")
def test_without_vllm_there_is_nothing_to_try() -> None:
    finding = find(try_engines([on_vllm(required=False)], Silent()), f"{GLM} trial")
    assert finding.level is Level.FAULT
    assert "imagenet-think[gpu]" in finding.remedy


def test_a_package_that_cannot_be_imported_is_told_by_the_root_of_it(installed: Installation) -> None:
    for package in ("vllm", "tokenizers"):
        installed.add(package, "1.0")
    (installed.folder / "tokenizers" / "__init__.py").write_text(
        "raise ImportError('are the requirements right?') from RuntimeError('no operator nms')"
    )
    finding = find(try_engines([on_vllm()], Silent()), f"{GLM} trial")
    assert finding.level is Level.FAULT
    assert finding.detail == "a small checkpoint cannot be built: RuntimeError: no operator nms"


def test_a_broken_installation_is_a_fault_and_no_traceback(installed: Installation) -> None:
    for package in ("vllm", "tokenizers", "transformers"):
        installed.add(package, "1.0")
    finding = find(try_engines([on_vllm()], Silent()), f"{GLM} trial")
    assert finding.level is Level.FAULT
    assert finding.detail == "AssertionError: imported"
