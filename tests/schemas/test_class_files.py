"""Own lists of classes: what is read from a file is part of the configuration, the file's name is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.class_files import read_class_file
from schemas.config import BuildConfig
from schemas.errors import ConfigError
from schemas.loading import dump_config, load_config, parse_config

TENCH, TABBY = "n01440764", "n02123045"


def load(folder: Path, selection: str) -> BuildConfig:
    path = folder / "build.yaml"
    path.write_text(
        f"source: {{path: images}}\nselection: {selection}\n"
        "teachers: [{name: glm-4.1v-9b-thinking, engine: {kind: pixels}}]\n"
    )
    return load_config(path)


def test_lists_of_wnids_with_and_without_words_are_read(tmp_path: Path) -> None:
    path = tmp_path / "synsets.txt"
    path.write_text(f"# ours\n\n{TABBY} tabby, tabby cat\r\n  {TENCH}\ttench\n{TABBY}\n")
    assert read_class_file(path) == (TENCH, TABBY)


@pytest.mark.parametrize(
    ("text", "message"),
    [("tench\n", 'line 1 begins with "tench"'), (f"{TENCH}\nn123\n", 'line 2 begins with "n123"'), ("#\n", "no class")],
)
def test_a_file_that_holds_something_else_is_explained(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "synsets.txt"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_class_file(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine\.txt: cannot be read"):
        load(tmp_path, "{classes_file: mine.txt}")


def test_the_identity_is_what_the_file_says_and_not_its_name(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(f"{TENCH}\n{TABBY}\n")
    (tmp_path / "two.txt").write_text(f"{TABBY}\n# another order\n{TENCH}\n")
    one, two = (load(tmp_path, f"{{classes_file: {name}.txt}}") for name in ("one", "two"))
    assert one == two == load(tmp_path, f"{{classes: [{TENCH}, {TABBY}]}}")
    (tmp_path / "two.txt").write_text(f"{TABBY}\n")
    assert load(tmp_path, "{classes_file: two.txt}").identity_sha256() != one.identity_sha256()
    assert parse_config(dump_config(one), "c.yaml") == one


def test_a_file_and_a_list_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text(TENCH)
    with pytest.raises(ConfigError, match="both classes and classes_file"):
        load(tmp_path, f"{{classes_file: mine.txt, classes: [{TENCH}]}}")


def test_bounds_of_domains_are_part_of_the_identity_in_whatever_order(tmp_path: Path) -> None:
    one = load(tmp_path, "{domains: {animal: {cap: 0.3}, food: {floor: 0.1}}}")
    other = load(tmp_path, "{domains: {food: {floor: 0.1}, animal: {cap: 0.3}}}")
    assert one.identity_sha256() == other.identity_sha256()
    assert one.identity_sha256() != load(tmp_path, "{domains: {animal: {cap: 0.3}}}").identity_sha256()
    assert one.identity_sha256() != load(tmp_path, "{}").identity_sha256()
