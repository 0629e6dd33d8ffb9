"""The GLM-4.1V family: ``<think>T</think><answer>A</answer>``."""

from __future__ import annotations

from pipeline.teachers.grammar import MarkerGrammar

GLM = MarkerGrammar(
    name="glm-4.1v",
    think=("<think>", "</think>"),
    # GLM-4.1V writes <think> itself; templates and servers of its successors write it beforehand.
    think_may_be_prefilled=True,
    # </answer> is a stop token: vLLM cuts it off unless told otherwise (zai-org/GLM-V issue 74).
    answer=("<answer>", "</answer>"),
    box=("<|begin_of_box|>", "<|end_of_box|>"),
    end_tokens=("<|user|>", "<|observation|>", "<|endoftext|>"),
)
