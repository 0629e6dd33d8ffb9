"""The models that write: their output grammars, their sampling defaults, and what makes a text a valid pair."""

from __future__ import annotations

from pipeline.teachers.grammar import PARSER_VERSION, RULES, Grammar, MarkerGrammar
from pipeline.teachers.registry import GRAMMARS, load_teacher, load_teachers, read_teachers, resolve_sampling

__all__ = [
    "GRAMMARS",
    "PARSER_VERSION",
    "RULES",
    "Grammar",
    "MarkerGrammar",
    "load_teacher",
    "load_teachers",
    "read_teachers",
    "resolve_sampling",
]
