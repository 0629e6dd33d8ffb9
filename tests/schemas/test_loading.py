"""A configuration file is read whole, or each mistake in it is answered by one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.config import BuildConfig
from schemas.engines import OpenAIEngine, VllmEngine
from schemas.errors import ConfigError
from schemas.loading import dump_config, load_config, override_source, parse_config

MINIMAL = """
source: {path: photographs}
teachers:
  - {name: glm-4.1v-9b-thinking, engine: {kind: pixels}}
"""

MERGES = f"[[&a0 {{k: 1}}, {', '.join(f'&a{i} {{<<: *a{i - 1}}}' for i in range(1, 2000))}], {{<<: *a1999}}]"
"""A chain of merges longer than Python's stack is deep."""


def test_the_least_configuration_has_the_paper_s_defaults() -> None:
    config = parse_config(MINIMAL, "c.yaml")
    assert config.selection.images == 250_000
    assert config.prompt == "describe-step-by-step"
    assert config.selection.exclude_subtrees == ("n00007846",)


def test_a_relative_source_is_taken_from_the_file_s_folder(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(MINIMAL)
    assert load_config(tmp_path / "c.yaml").source.path == str(tmp_path / "photographs")


def test_an_address_on_the_hub_is_no_place_on_disk(tmp_path: Path) -> None:
    address = "hf://datasets/timm/imagenet-w21-wds@main/train"
    (tmp_path / "c.yaml").write_text(MINIMAL.replace("photographs", address))
    source = load_config(tmp_path / "c.yaml").source
    assert source.path == address
    assert source.is_hub


def test_a_relative_folder_of_parts_is_taken_from_the_file_s_folder(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(MINIMAL.replace("photographs", "photographs, index_cache: parts"))
    assert load_config(tmp_path / "c.yaml").source.index_cache == tmp_path / "parts"


def test_a_source_may_be_replaced_by_another_place_or_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = parse_config(MINIMAL.replace("photographs", "photographs, form: tree, dimensions: false"), "c.yaml")
    moved = override_source(config, "elsewhere", None).source
    assert (moved.path, moved.form, moved.dimensions) == (str(tmp_path / "elsewhere"), "auto", False)
    assert override_source(config, None, "tars").source == config.source.model_copy(update={"form": "tars"})
    assert override_source(config, "hf://datasets/a/b", "parquet").source.path == "hf://datasets/a/b"
    assert override_source(config, None, None) == config


def test_a_form_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no such form; choose one of auto, tree"):
        override_source(parse_config(MINIMAL, "c.yaml"), None, "zip")


@pytest.mark.parametrize("place", ["", "~nosuchuser/x", "a\0b", "caf\udce9"])
def test_a_place_on_the_command_line_that_can_be_none_is_named(place: str) -> None:
    with pytest.raises(ConfigError, match="--source"):
        override_source(parse_config(MINIMAL, "c.yaml"), place, None)


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
        ("screening: {min_entropy: .nan}", "c.yaml: screening.min_entropy: .nan was given; allowed are text, finite"),
        ("screening: {max_aspect: -.inf}", "c.yaml: screening.max_aspect: -.inf was given; allowed are text, finite"),
        ("selection: {classes: [n00005787, 1e999]}", 'c.yaml: selection.classes[1]: "1e999" was given'),
        ("selection: {imags: 3}", "c.yaml: selection.imags: unknown key; did you mean images?"),
        ("selection: {holdout: {synset_share: 1.5}}", "c.yaml: selection.holdout.synset_share: 1.5 was given"),
        ("selection: {classes: [tench]}", 'c.yaml: selection.classes[0]: "tench" was given'),
        ("selection: {classes: []}", "c.yaml: selection.classes: [] was given; at least 1 is needed"),
        ("prompt: ../secret", 'c.yaml: prompt: "../secret" was given'),
        ("packing: 7", "c.yaml: packing: 7 was given"),
        ("released: 2026-01-01", "c.yaml: released: 2026-01-01 was given; allowed are text, finite numbers"),
        ("released: 2026-13-45", "c.yaml: released: 2026-13-45 was given; allowed are text, finite numbers"),
        ("prompt: !!binary aGk=", "c.yaml: prompt: aGk= was given; allowed are text"),
        ("selection: {classes: !!set {n00005787}}", "c.yaml: selection.classes: !!set was given; allowed are text"),
        ("seed: !!int one", "c.yaml: seed: one was given; allowed are text"),
        (
            "seed: 9223372036854775808",
            "c.yaml: seed: 9223372036854775808 was given; allowed are text, finite numbers, int",
        ),
        (f"selection: {{images: {'9' * 5000}}}", f"c.yaml: selection.images: {'9' * 57}... was given; allowed are"),
        (f"seed: 0x{'f' * 5000}", f"c.yaml: seed: 0x{'f' * 55}... was given; allowed are"),
        ("selection: {1: 2}", "c.yaml: selection.1: 1 was given as a key; keys are text"),
        ("2026-01-01: 2", "c.yaml: 2026-01-01: 2026-01-01 was given as a key; keys are text"),
        ('"a\\0b": 2', 'c.yaml: a\\x00b: "a\\u0000b" was given as a key; keys are text'),
        ('"a\\nb": 2', "c.yaml: a\\nb: unknown key"),
        ('prompt: "a\\0b"', 'c.yaml: prompt: "a\\u0000b" was given; text must not hold NUL'),
        ('prompt: "\\ud800"', 'c.yaml: prompt: "\\ud800" was given; text must not hold NUL or lone surrogates'),
        (f"prompt: {'[' * 3000}", f"c.yaml: prompt{'[0]' * 32}: nests deeper than 32 levels"),
        (f"prompt: {'{' * 3000}", f"c.yaml: prompt{'.?' * 32}: nests deeper than 32 levels"),
        ("prompt: &endless [*endless]", f"c.yaml: prompt{'[0]' * 32}: nests deeper than 32 levels"),
        ("seed: 1\nseed: 2", "c.yaml: seed: given on line 5 and again on line 6; keep one of them"),
        ("packing:\n  workers: 1\n  'workers': 1", "c.yaml: packing.workers: given on line 6 and again on line 7"),
        (
            "selection: {holdout: {image_share: 0, image_share: 0}}",
            "c.yaml: selection.holdout.image_share: given on line 5",
        ),
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
        ("[{name: a, engine: {kind: pixel}}]", "kind must be one of 'pixels', 'custom', 'vllm', 'openai'"),
        ("[{name: a, engine: {}}]", "kind must be one of 'pixels', 'custom', 'vllm', 'openai'"),
        (
            "[{name: a, engine: {kind: pixels, gpu: 1}}]",
            "c.yaml: teachers[0].engine.gpu: unknown key; allowed here: kind",
        ),
        ("[{name: a, engine: {kind: pixels, pixels: 1}}]", "c.yaml: teachers[0].engine.pixels: unknown key"),
        (
            "[{name: a, engine: {kind: custom, factory: 'a:b', option: {}}}]",
            "c.yaml: teachers[0].engine.option: unknown key; did you mean options?",
        ),
        ("[{name: a, engine: {kind: custom}}]", "c.yaml: teachers[0].engine.factory: missing"),
        ("[{name: a, engine: {kind: vllm, max_model_length: 1}}]", "unknown key; did you mean max_model_len?"),
        (
            "[{name: a, engine: {kind: vllm, canaries: {image: 1}}}]",
            "c.yaml: teachers[0].engine.canaries.image: unknown key; did you mean images?",
        ),
        ("[{name: a, engine: {kind: openai}}]", "c.yaml: teachers[0].engine.base_urls: missing"),
        (
            "[{name: a, engine: {kind: openai, base_urls: ['localhost:8000']}}]",
            'engine.base_urls[0]: "localhost:8000" was given; a URL such as http://127.0.0.1:8000/v1 is needed',
        ),
        *(
            (
                f"[{{name: a, engine: {{kind: openai, base_urls: ['{url}']}}}}]",
                f'engine.base_urls[0]: "{url}" was given; a URL such as http://127.0.0.1:8000/v1 is needed',
            )
            for url in (
                *("gpu:8000", "ftp://gpu/v1", "http://", "http://:8000/v1", "http:///v1", "http://gpu node/v1"),
                *("http://gpu:99999/v1", "http://gpu:x/v1", "http://[::1/v1", "http://a..b/v1"),
            )
        ),
        (
            "[{name: a, engine: {kind: vllm, engine_args: {seed: 1, dtype: float32}}}]",
            "c.yaml: teachers[0].engine.engine_args: dtype is a setting of its own: engine.dtype",
        ),
        *(
            (
                f"[{{name: a, engine: {{kind: vllm, engine_args: {{{argument}: lab/other}}}}}}]",
                f"teachers[0].engine.engine_args: {argument} cannot be set: engine.model and engine.revision decide it",
            )
            for argument in ("trust_remote_code", "code_revision", "tokenizer", "tokenizer_revision", "hf_config_path")
        ),
        ("[{name: a, engine: {kind: vllm, model: ''}}]", 'teachers[0].engine.model: "" was given; string should have'),
        ("[{name: a, engine: {kind: vllm, revision: ''}}]", 'teachers[0].engine.revision: "" was given; string should'),
        *(
            (f"[{{name: a, engine: {{kind: custom, factory: '{factory}'}}}}]", "teachers[0].engine.factory: ")
            for factory in (".a:b", "a.:b", "a..b:c", "1:b", "a", ":b")
        ),
        ("[{name: a, engine: {kind: pixels}}, {name: a, engine: {kind: pixels}}]", "holds a name twice"),
    ],
)
def test_mistakes_in_the_list_of_teachers_name_the_teacher(teachers: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"source: {{path: x}}\nteachers: {teachers}", "c.yaml")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "engine",
    [
        "{kind: openai, base_urls: ['http://me:hunter2@gpu/v1']}",
        "{kind: openai, base_urls: ['http://gpu/v1?api_key=hunter2']}",
        "{kind: openai, base_urls: ['http://gpu/v1#hunter2']}",
        "{kind: vllm, engine_args: {hf_token: hunter2}}",
        "{kind: openai, base_urls: ['http://gpu/v1'], api_key_env: hunter2}",
        "{kind: openai, base_urls: ['http://gpu/v1'], api_key: hunter2}",
    ],
)
def test_what_may_be_a_secret_is_never_shown(engine: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(f"source: {{path: x}}\nteachers: [{{name: a, engine: {engine}}}]", "c.yaml")
    assert "teachers[0].engine." in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost:8000/v1", "https://gpu-1.lab_2.example./v1", "http://[::1]:8000/v1"])
def test_a_server_is_named_by_host_or_address(url: str) -> None:
    engine = f"{{kind: openai, base_urls: ['{url}']}}"
    config = parse_config(f"source: {{path: x}}\nteachers: [{{name: a, engine: {engine}}}]", "c.yaml")
    assert isinstance(config.teachers[0].engine, OpenAIEngine)
    assert config.teachers[0].engine.base_urls == (url,)


def test_a_checkpoint_beside_the_file_is_found_from_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "build.yaml"
    file.write_text("source: {path: x}\nteachers: [{name: a, engine: {kind: vllm, model: ./tiny}}]")
    engine = load_config(file).teachers[0].engine
    assert isinstance(engine, VllmEngine)
    assert engine.model == str(tmp_path / "tiny")


@pytest.mark.parametrize(
    ("model", "message"),
    [("~nosuchuser/x", "could not determine home directory"), ("./loop", "symlink loop")],
)
def test_a_checkpoint_that_can_be_no_place_is_named(tmp_path: Path, model: str, message: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    file = tmp_path / "build.yaml"
    file.write_text(f"source: {{path: x}}\nteachers: [{{name: a, engine: {{kind: vllm, model: {model}}}}}]")
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f'{file}: teachers[0].engine.model: "{model}" was given; {message}')


def test_every_mistake_is_named_in_one_go() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("seed: -1\nsource: {}", "c.yaml")
    assert [line.split(":")[1].strip() for line in str(caught.value).splitlines()] == [
        "seed",
        "source.path",
        "teachers",
    ]


@pytest.mark.parametrize("text", ["[", "a: b: c", "\t- x", r'"\UFFFFFFFF"', r'"\U00110000"', MERGES])
def test_what_is_not_yaml_is_said_so_on_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match="not YAML") as caught:
        parse_config(text, "c.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "3", "- a"])
def test_what_is_no_mapping_is_said_so(text: str) -> None:
    with pytest.raises(ConfigError, match="a mapping of settings is expected"):
        parse_config(text, "c.yaml")


def test_a_key_that_is_merged_in_and_given_anew_stands_once() -> None:
    config = parse_config(
        "source: {path: x}\n"
        "teachers:\n"
        "  - {name: a, engine: {kind: pixels}, sampling: &calm {temperature: 0.5, top_p: 0.9}}\n"
        "  - {name: b, engine: {kind: pixels}, sampling: {<<: *calm, top_p: 1.0}}\n",
        "c.yaml",
    )
    assert config.teachers[1].sampling.temperature == 0.5
    assert config.teachers[1].sampling.top_p == 1.0


def test_the_greatest_seed_is_the_greatest_64_bit_integer() -> None:
    assert _config("seed: 9223372036854775807").seed == 2**63 - 1
    with pytest.raises(ValidationError, match="seed"):
        BuildConfig.model_validate({**_config("").model_dump(), "seed": 2**63})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("~nosuchuser/x", 'source.path: "~nosuchuser/x" was given; could not determine home directory'),
        (r"a\0b", r'source.path: "a\u0000b" was given; text must not hold NUL'),
        ("loop", 'source.path: "loop" was given; symlink loop'),
    ],
)
def test_a_source_that_can_be_no_place_is_named(tmp_path: Path, source: str, message: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "c.yaml").write_text(MINIMAL.replace("photographs", f'"{source}"'))
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "c.yaml")
    assert str(caught.value).startswith(f"{tmp_path / 'c.yaml'}: {message}")
    assert "\n" not in str(caught.value)


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
