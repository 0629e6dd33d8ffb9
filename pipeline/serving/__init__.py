"""One teacher behind ``vllm serve``: its exact command, and its process from the start to the end."""

from __future__ import annotations

from pipeline.serving.command import ServeOptions, launch_command, name_checkpoint, serve_flags
from pipeline.serving.process import ServerProcess

__all__ = ["ServeOptions", "ServerProcess", "launch_command", "name_checkpoint", "serve_flags"]
