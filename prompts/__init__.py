"""The words sent to models."""

from __future__ import annotations

from prompts.library import Prompt, list_prompts, load_prompt, read_prompt

__all__ = ["Prompt", "list_prompts", "load_prompt", "read_prompt"]
