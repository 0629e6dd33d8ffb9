from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from eval.metrics.embeddings import open_bertscore, open_sbert, parse_model
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("roberta-large", ("roberta-large", None, None)),
        ("roberta-large#17", ("roberta-large", None, 17)),
        ("org/model@main", ("org/model", "main", None)),
        ("org/model@1f2e3d#4", ("org/model", "1f2e3d", 4)),
    ],
)
def test_a_model_is_named_with_its_revision_and_its_layer(
    text: str, choice: tuple[str, str | None, int | None]
) -> None:
    assert parse_model(text) == choice


@pytest.mark.parametrize("layer", ["", "#7"])
def test_the_name_of_a_folder_may_hold_the_marks_itself(tmp_path: Path, layer: str) -> None:
    folder = tmp_path / "odd@name#3"
    folder.mkdir()
    assert parse_model(f"{folder}{layer}") == (str(folder), None, 7 if layer else None)


@pytest.mark.parametrize("text", ["", "@main", "#3", "model@", "model@#3", "model#", "model#0", "model#-1", "model#²"])
def test_what_lacks_a_part_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_model(text)


def test_a_folder_has_no_revisions(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no revision main"):
        parse_model(f"{tmp_path}@main")


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="the extra is installed")
@pytest.mark.parametrize("open_metric", [open_bertscore, open_sbert])
def test_without_the_extra_its_name_is_told(open_metric: type) -> None:
    with pytest.raises(ConfigError, match=r"imagenet-think\[embeddings\]"):
        open_metric("roberta-large")
