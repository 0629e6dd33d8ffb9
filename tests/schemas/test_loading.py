"""A configuration file is read whole, or each mistake in it is answered by one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.config import BuildConfig
from schemas.errors import ConfigError
from schemas.loading import dump_config, load_config, parse_config

MINIMAL = """
source: {path: photographs}
teachers:
  - {name: glm-4.1v-9b-thinking, engine: {kind: pixels}}
"""


def test_the_least_configuration_has_the_paper_s_defaults() -> None:
    config = parse_config(MINIMAL, "c.yaml")
    assert config.selection.images == 250_000
    assert config.prompt == "describe-step-by-step"
    assert config.selection.exclude_subtrees == ("n00007846",)


def test_a_relative_source_is_taken_from_the_file_s_folder(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(MINIMAL)
    assert load_config(tmp_path / "c.yaml").source.path == tmp_path / "photographs"


def test_a_dumped_configuration_loads_to_an_equal_one() -> None:
    config = parse_config(MINIMAL, "c.yaml")
    assert parse_config(dump_config(config), "again") == config


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("selektion: {}", "c.yaml: selektion: unknown key; did you mean selection?"),
        ("seed: -1", "c.yaml: seed: -1 was given; input should be greater than or equal to 0"),
        ("seed: yes", "c.yaml: seed: true was given; input should be a valid integer"),
        ("seed: '1'", 'c.yaml: seed: "1" was given; input should be a valid integer'),
        ("screening: {min_entropy: .nan}", "c.yaml: holds a value that is no plain text"),
        ("selection: {imags: 3}", "c.yaml: selection.imags: unknown key; did you mean images?"),
        ("selection: {holdout: {synset_share: 1.5}}", "c.yaml: selection.holdout.synset_share: 1.5 was given"),
        ("selection: {classes: [tench]}", 'c.yaml: selection.classes[0]: "tench" was given'),
        ("selection: {classes: []}", "c.yaml: selection.classes: [] was given; at least 1 is needed"),
        ("prompt: ../secret", 'c.yaml: prompt: "../secret" was given'),
        ("packing: 7", "c.yaml: packing: 7 was given"),
        ("released: 2026-01-01", "c.yaml: holds a value that is no plain text"),
    ],
)
def test_a_mistake_is_named_with_its_key_path_what_was_given_and_what_is_allowed(addition: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(MINIMAL + addition, "c.yaml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("teachers", "message"),
    [
        ("[]", "c.yaml: teachers: [] was given; at least 1 is needed"),
        ("[{name: a}]", "c.yaml: teachers[0].engine: missing"),
        ("[{name: a, engine: {kind: pixel}}]", "kind must be one of 'pixels', 'custom'"),
        ("[{name: a, engine: {}}]", "kind must be one of 'pixels', 'custom'"),
        ("[{name: a, engine: {kind: pixels, gpu: 1}}]", "engine.pixels.gpu: unknown key; allowed here: kind"),
        ("[{name: a, engine: {kind: pixels}}, {name: a, engine: {kind: pixels}}]", "holds a name twice"),
    ],
)
def test_mistakes_in_the_list_of_teachers_name_the_teacher(teachers: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"source: {{path: x}}\nteachers: {teachers}", "c.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_mistake_is_named_in_one_go() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("seed: -1\nsource: {}", "c.yaml")
    assert [line.split(":")[1].strip() for line in str(caught.value).splitlines()] == [
        "seed",
        "source.path",
        "teachers",
    ]


@pytest.mark.parametrize("text", ["[", "a: b: c", "\t- x"])
def test_what_is_not_yaml_is_said_so_on_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="not YAML") as caught:
        parse_config(text, "c.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "3", "- a"])
def test_what_is_no_mapping_is_said_so(text: str) -> None:
    with pytest.raises(ConfigError, match="a mapping of settings is expected"):
        parse_config(text, "c.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "c.yaml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "c.yaml")


def test_python_tags_in_yaml_are_refused() -> None:
    with pytest.raises(ConfigError, match="not YAML"):
        parse_config("!!python/object/apply:os.system [echo]", "c.yaml")


def _config(text: str) -> BuildConfig:
    return parse_config(MINIMAL + text, "c.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "screening: {workers: 7}",
        "generation: {max_concurrency: 9, prepare_workers: 2, prepare_ahead: 3, part_rows: 4, part_seconds: 5}",
        "packing: {workers: 3}",
    ],
)
def test_where_and_how_fast_is_no_part_of_the_identity(text: str) -> None:
    assert _config(text).identity_sha256() == _config("").identity_sha256()


def test_the_source_s_place_is_no_part_of_the_identity() -> None:
    moved = parse_config(MINIMAL.replace("photographs", "/mnt/elsewhere"), "c.yaml")
    assert moved.identity_sha256() == _config("").identity_sha256()


@pytest.mark.parametrize(
    "text",
    [
        "seed: 1",
        "name: other",
        "selection: {images: 10}",
        "selection: {holdout: {image_share: 0.5}}",
        "screening: {min_side: 32}",
        "prompt: describe-with-label",
        "generation: {max_attempts: 2}",
        "packing: {images_per_shard: 7}",
    ],
)
def test_what_decides_the_bytes_is_part_of_the_identity(text: str) -> None:
    assert _config(text).identity_sha256() != _config("").identity_sha256()
