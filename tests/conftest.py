"""Settings for the whole suite."""

from __future__ import annotations

from hypothesis import settings

# a busy machine must not fail a rule
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
