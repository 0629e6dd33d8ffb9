"""The Kimi-VL Thinking family: ``◁think▷T◁/think▷A``, its markers ordinary text of several tokens."""

from __future__ import annotations

from pipeline.teachers.grammar import MarkerGrammar

KIMI = MarkerGrammar(
    name="kimi-vl",
    think=("◁think▷", "◁/think▷"),
    end_tokens=("<|im_end|>", "[EOS]"),
)
