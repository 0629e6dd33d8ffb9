"""One teacher behind ``vllm serve``: its exact command, and its process from the start to the end."""

from __future__ import annotations

from pipeline.serving.command import ServeOptions, name_checkpoint, serve_flags
from pipeline.serving.process import ServerProcess

__all__ = ["ServeOptions", "ServerProcess", "name_checkpoint", "serve_flags"]
