"""Who speaks: the voices, and which teacher has which."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from pipeline.engines.pixels.facts import Measurements
from pipeline.engines.pixels.phrases import Wording
from pipeline.engines.pixels.voices import observer_answer, observer_thinking, surveyor_answer, surveyor_thinking


class Voice(NamedTuple):
    """A way of telling measurements: its own order, its own sentences."""

    name: str
    think: Callable[[Measurements, Wording], str]
    answer: Callable[[Measurements, Wording], str]


SURVEYOR = Voice("surveyor", surveyor_thinking.think, surveyor_answer.answer)
OBSERVER = Voice("observer", observer_thinking.think, observer_answer.answer)
VOICES = (SURVEYOR, OBSERVER)

_BY_FAMILY = {"glm": SURVEYOR, "kimi": OBSERVER}


def voice_of(teacher: str) -> Voice:
    """The voice of a teacher, by its name.

    Teachers of the known families differ from each other; any other name has one of the voices by its hash.
    """
    for family, voice in _BY_FAMILY.items():
        if family in teacher.lower():
            return voice
    return VOICES[hashlib.sha256(teacher.encode()).digest()[0] % len(VOICES)]


def tell(measurements: Measurements, voice: Voice, seed: int) -> tuple[str, str]:
    """Put measurements into words.

    Returns:
        Thinking and answer. The same arguments give the same texts.
    """
    wording = Wording(measurements, seed, voice.name)
    return voice.think(measurements, wording), voice.answer(measurements, wording)
