"""Leaderboards: models on the same items, and which of their differences are real."""

from eval.comparing.compare import compare
from eval.comparing.writing import JSON_FILE, MARKDOWN_FILE, check_place, write_comparison

__all__ = ["JSON_FILE", "MARKDOWN_FILE", "check_place", "compare", "write_comparison"]
