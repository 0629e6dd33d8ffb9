"""Every model of the paper is described; any other is, in a file; a mistake in it is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eval.running.models import choose_engine, load_model, load_presets, read_model
from eval.scoring import FAMILIES
from pipeline.teachers import load_teacher, resolve_sampling
from schemas.config import SamplingOverrides
from schemas.engines import CustomEngine, OpenAIEngine, VllmEngine
from schemas.errors import ConfigError
from tests.eval.running.world import NAME, write_model

URL = "http://127.0.0.1:8000/v1"


def test_the_five_models_of_the_paper_are_described() -> None:
    assert list(load_presets()) == [
        "internvl3.5-8b",
        "vl-rethinker-7b",
        "visionthink",
        "openvlthinker-7b",
        "r1-onevision-7b",
    ]


@pytest.mark.parametrize("name", load_presets())
def test_a_preset_has_a_known_family_and_room_for_its_largest_picture(name: str) -> None:
    spec = load_presets()[name]
    assert spec.grammar in FAMILIES
    assert resolve_sampling(spec, SamplingOverrides()) == spec.sampling
    picture = spec.image.max_pixels // spec.image.pixels_per_token
    assert spec.sampling.max_tokens + picture < spec.engine.max_model_len <= spec.context


@pytest.mark.parametrize("name", load_presets())
def test_a_preset_says_where_its_facts_come_from(name: str) -> None:
    source = load_presets()[name].source.lower()
    assert all(fact in source for fact in ("licence", "context", "weights", "versions"))


def test_a_teacher_is_a_model_too() -> None:
    entry = load_model("glm-4.1v-9b-thinking")
    assert entry.model_dump(exclude={"runs_on"}) == load_teacher("glm-4.1v-9b-thinking").model_dump()


def test_a_misspelt_name_gets_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"--model visionthnk: there is no such model; did you mean visionthink\?"):
        load_model("visionthnk")


def test_a_model_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    entry = load_model(str(write_model(tmp_path, {"default": ["ok"]}, system="Think first.")))
    assert (entry.name, entry.system) == (NAME, "Think first.")
    assert isinstance(entry.runs_on, CustomEngine)


def test_a_checkpoint_is_taken_from_the_file_s_folder(tmp_path: Path) -> None:
    assert read_model(write_model(tmp_path, model="./weights")).model == str(tmp_path / "weights")
    runs_on = read_model(write_model(tmp_path, runs_on={"kind": "vllm", "model": "../weights"})).runs_on
    assert isinstance(runs_on, VllmEngine)
    assert runs_on.model == str(tmp_path.parent / "weights")


def test_a_home_that_nobody_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"my-model\.yaml: model: \"~nobody-at-all/weights\" was given"):
        read_model(write_model(tmp_path, model="~nobody-at-all/weights"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"grammar": "thnk"}, "grammar: thnk is no family of thinking tags; known are glm-4.1v, kimi-vl, think"),
        ({"context": 0}, "context: Input should be greater than 0"),
        ({"name": "../up"}, "name: String should match pattern"),
        ({"name": "n" * 101}, "name: String should have at most 100 characters"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"runs_on": {"kind": "magic"}}, "runs_on: "),
    ],
)
def test_a_mistake_in_a_file_is_named(fields: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = write_model(tmp_path, name="odd") if "name" in fields else write_model(tmp_path, **fields)
    if "name" in fields:
        path.write_text(path.read_text().replace("name: odd", f"name: {fields['name']}"))
    with pytest.raises(ConfigError) as caught:
        read_model(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"- a\n- list", b"\xff", b"name: [", b""])
def test_what_describes_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        read_model(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml: cannot be read"):
        load_model(str(tmp_path / "no.yaml"))


def test_vllm_runs_what_says_nothing_else_and_is_not_asked_for_valid_pairs() -> None:
    engine = choose_engine(load_model("visionthink"), None, ())
    assert isinstance(engine, VllmEngine)
    assert engine.canaries.images > 0
    assert engine.canaries.min_ok == 0


def test_servers_make_the_engine_openai_with_the_other_settings_of_the_file(tmp_path: Path) -> None:
    runs_on = {"kind": "openai", "base_urls": ["http://127.0.0.1:1/v1"], "extensions": False}
    engine = choose_engine(read_model(write_model(tmp_path, runs_on=runs_on)), None, (URL,))
    assert isinstance(engine, OpenAIEngine)
    assert (engine.base_urls, engine.extensions) == ((URL,), False)


@pytest.mark.parametrize(
    ("kind", "servers", "said"),
    [
        ("warp", (), "--engine warp: unknown; known are vllm, openai, pixels"),
        ("openai", (), "--engine openai: no server is named"),
        ("vllm", (URL,), "--server: goes with --engine openai, and not with vllm"),
        (None, ("nowhere",), "--server: a URL such as"),
    ],
)
def test_engines_that_make_no_sense_are_refused(kind: str | None, servers: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        choose_engine(load_model("visionthink"), kind, servers)
