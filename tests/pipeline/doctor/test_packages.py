"""What is said of vLLM's installation, by its metadata alone."""

from __future__ import annotations

import pytest

from pipeline.doctor.cases import Case
from pipeline.doctor.finding import Level
from pipeline.doctor.packages import PLUGINS, examine_packages
from pipeline.teachers import load_teacher
from schemas.engines import PixelsEngine
from tests.pipeline.doctor.world import GLM, KIMI, Installation, find, on_vllm

REGISTERED = "[vllm.general_plugins]\n" + "".join(
    f"{name} = pipeline.engines.vllm.plugins:{name}\n" for name in PLUGINS
)


def install(
    installed: Installation, *, vllm: str = "0.32.0", transformers: str = "5.19.0", plugins: str = REGISTERED
) -> None:
    installed.add("vllm", vllm)
    installed.add_torch("2.13.0", "13.0")
    installed.add("transformers", transformers)
    installed.add("imagenet-think", "0.1.0", module="unused", entry_points=plugins)


@pytest.mark.usefixtures("no_vllm")
def test_missing_vllm_is_a_fault_only_where_a_build_asks_for_it() -> None:
    finding = find(examine_packages([on_vllm()]), "vLLM")
    assert finding.level is Level.FAULT
    assert "imagenet-think[gpu]" in finding.remedy
    assert find(examine_packages([on_vllm(required=False)]), "vLLM").level is Level.WARNING
    assert not list(examine_packages([Case(load_teacher(GLM), PixelsEngine(kind="pixels"), required=True)]))


def test_versions_come_from_metadata_and_nothing_is_imported(installed: Installation) -> None:
    install(installed)
    assert find(examine_packages([on_vllm()]), "vLLM").detail == "0.32.0, torch 2.13.0, transformers 5.19.0"


@pytest.mark.parametrize("version", ["0.32.0", "0.32.0+cpu", "0.33.1", "0.33.1rc2"])
def test_versions_that_a_teacher_was_tried_with_fit(installed: Installation, version: str) -> None:
    install(installed, vllm=version)
    finding = find(examine_packages([on_vllm()]), GLM)
    assert finding.level is Level.OK
    assert finding.detail == "fits: vllm >=0.32,<0.34, transformers >=5.16,<5.21"


@pytest.mark.parametrize(
    ("versions", "level"),
    [
        ({"vllm": "0.11.0"}, Level.FAULT),
        ({"transformers": "4.57.1"}, Level.FAULT),
        ({"vllm": "0.34.0"}, Level.WARNING),
        ({"transformers": "5.21.0"}, Level.WARNING),
        ({"vllm": "built by hand"}, Level.FAULT),
    ],
)
def test_an_older_version_is_a_fault_and_a_newer_one_a_warning(
    installed: Installation, versions: dict[str, str], level: Level
) -> None:
    install(installed, **versions)
    finding = find(examine_packages([on_vllm()]), GLM)
    assert finding.level is level
    ((package, version),) = versions.items()
    assert finding.detail.startswith(f"{package} {version} was not tried with it")
    assert f"pip install '{package}>=" in finding.remedy


def test_packages_that_a_teachers_own_code_imports_must_be_there(installed: Installation) -> None:
    install(installed)
    installed.add("blobfile", "3.1.0")
    installed.add("tiktoken", "0.12.0")
    assert find(examine_packages([on_vllm(KIMI)]), KIMI).detail.endswith("with tiktoken, blobfile")


def test_packages_that_are_missing_are_named_with_the_command(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(installed)
    for package in ("tiktoken", "blobfile"):
        monkeypatch.setitem(__import__("sys").modules, package, None)
    finding = find(examine_packages([on_vllm(KIMI)]), KIMI)
    assert finding.level is Level.FAULT
    assert finding.remedy == "pip install tiktoken blobfile"


def test_plugins_that_vllm_would_load_are_named(installed: Installation) -> None:
    install(installed)
    assert find(examine_packages([on_vllm()]), "plugins").level is Level.OK


@pytest.mark.parametrize("missing", PLUGINS)
def test_a_plugin_that_is_not_registered_is_a_fault(installed: Installation, missing: str) -> None:
    install(installed, plugins="\n".join(line for line in REGISTERED.splitlines() if not line.startswith(missing)))
    finding = find(examine_packages([on_vllm()]), "plugins")
    assert finding.level is Level.FAULT
    assert missing in finding.detail
    assert "pip" in finding.remedy


def test_another_projects_plugin_of_the_same_name_is_not_ours(installed: Installation) -> None:
    install(installed, plugins=REGISTERED.replace("pipeline.engines", "other"))
    assert find(examine_packages([on_vllm()]), "plugins").level is Level.FAULT


@pytest.mark.parametrize(
    ("allowed", "level"),
    [
        (",".join(PLUGINS), Level.OK),
        (f"{','.join(PLUGINS)},other", Level.OK),
        ("other", Level.FAULT),
        ("other,die_with_parent", Level.FAULT),
        ("", Level.FAULT),
    ],
)
def test_plugins_that_vllm_is_told_to_leave_out_are_a_fault(
    installed: Installation, monkeypatch: pytest.MonkeyPatch, allowed: str, level: Level
) -> None:
    install(installed)
    monkeypatch.setenv("VLLM_PLUGINS", allowed)
    finding = find(examine_packages([on_vllm()]), "plugins")
    assert finding.level is level
    if level is Level.FAULT:
        # what the user wants of other plugins is kept
        wanted = {name for name in allowed.split(",") if name}
        assert set(finding.remedy.partition("VLLM_PLUGINS=")[2].split(",")) == wanted | set(PLUGINS)
