"""The embedded engine: describes a picture from measurements of its pixels. No model, no GPU, no network.

It lets the whole flow run anywhere, and is the floor that every real model must beat on the benchmark. The way of a
picture through it: ``canvas`` (a small copy), ``measures`` (with ``palette``, ``structure`` and ``subject``) into
``facts``, and from there into words by one of the ``voices``.
"""

from __future__ import annotations

from pipeline.engines.pixels.engine import REVISION, PixelsEngine
from pipeline.engines.pixels.facts import Measurements
from pipeline.engines.pixels.measures import measure
from pipeline.engines.pixels.voices import VOICES, Voice, tell, voice_of

__all__ = ["REVISION", "VOICES", "Measurements", "PixelsEngine", "Voice", "measure", "tell", "voice_of"]
