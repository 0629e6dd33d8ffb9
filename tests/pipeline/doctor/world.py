"""Machines and installations for the doctor to examine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pipeline.doctor.cases import Case
from pipeline.doctor.finding import Finding
from pipeline.teachers import load_teacher
from schemas.config import BuildConfig, SelectionConfig, SourceConfig, TeacherConfig
from schemas.engines import EngineConfig, VllmEngine

GLM = "glm-4.1v-9b-thinking"
KIMI = "kimi-vl-a3b-thinking-2506"


def on_vllm(teacher: str = GLM, *, required: bool = True, **settings: Any) -> Case[VllmEngine]:
    """A teacher on vLLM."""
    return Case(load_teacher(teacher), VllmEngine(kind="vllm", **settings), required)


def make_config(source: Path, *engines: EngineConfig, images: int = 1000) -> BuildConfig:
    """A build with one teacher for each engine."""
    teachers = tuple(
        TeacherConfig(name=name, engine=engine) for name, engine in zip((GLM, KIMI), engines, strict=False)
    )
    selection = SelectionConfig(images=images)
    return BuildConfig(source=SourceConfig(path=str(source)), selection=selection, teachers=teachers)


def find(findings: Iterable[Finding], what: str) -> Finding:
    """The one finding about something."""
    (found,) = [finding for finding in findings if finding.what == what]
    return found


class Installation:
    """Packages that Python finds before all others."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.syspath_prepend(str(folder))

    def add(self, distribution: str, version: str, *, module: str = "", entry_points: str = "") -> None:
        """Install a distribution, with a package that fails if it is imported."""
        metadata = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (metadata / "entry_points.txt").write_text(entry_points)
        package = self.folder / (module or distribution)
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("raise AssertionError('imported')\n")

    def add_torch(self, version: str, cuda: str | None) -> None:
        """Install torch as its wheels look."""
        self.add("torch", version)
        cuda_line = f"cuda: Optional[str] = {cuda!r}"
        (self.folder / "torch" / "version.py").write_text(f"__version__ = {version!r}\ndebug = False\n{cuda_line}\n")
