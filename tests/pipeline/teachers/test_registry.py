from __future__ import annotations

import pytest

from pipeline.teachers import GRAMMARS, load_teacher, load_teachers, read_teachers, resolve_sampling
from schemas.config import SamplingOverrides
from schemas.errors import ConfigError

ENTRY = """\
- name: one
  model: lab/one
  revision: null
  licence: MIT
  grammar: glm-4.1v
  remote_code: false
  context: 100
  image: {min_pixels: 1, max_pixels: 100, max_aspect: 2, pixels_per_token: 4}
  sampling: {temperature: 1.0, top_p: 1.0, top_k: -1, repetition_penalty: 1.0, max_tokens: 50}
  engine: {max_model_len: 90, limit_mm_per_prompt: {image: 1}, mm_processor_kwargs: {}}
  requires: {vllm: ">=1", transformers: ">=1", packages: [one], weights_gib: 1.5}
  source: made up
"""


def test_the_papers_two_teachers_are_there() -> None:
    models = {name: spec.model for name, spec in load_teachers().items()}
    assert models == {
        "glm-4.1v-9b-thinking": "zai-org/GLM-4.1V-9B-Thinking",
        "kimi-vl-a3b-thinking-2506": "moonshotai/Kimi-VL-A3B-Thinking-2506",
    }


@pytest.mark.parametrize("name", load_teachers())
def test_every_teacher_has_a_grammar_a_source_and_room_for_a_prompt(name: str) -> None:
    spec = load_teacher(name)
    assert spec.name == name
    assert spec.grammar in GRAMMARS
    assert spec.source
    assert resolve_sampling(spec, SamplingOverrides()) == spec.sampling
    picture = spec.image.max_pixels // spec.image.pixels_per_token
    assert picture + spec.sampling.max_tokens + 256 <= spec.engine.max_model_len <= spec.context


@pytest.mark.parametrize("name", load_teachers())
def test_a_retry_with_a_new_seed_can_differ(name: str) -> None:
    sampling = load_teacher(name).sampling
    assert sampling.temperature > 0
    assert sampling.top_k != 1


def test_a_mistyped_teacher_is_answered_with_a_close_match_and_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'glm-4\.1v-9b'; did you mean glm-4\.1v-9b-thinking\? known are .*kimi-vl"):
        load_teacher("glm-4.1v-9b")


def test_a_teacher_unlike_any_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'\.\./secrets'; known are glm"):
        load_teacher("../secrets")


def test_overrides_take_the_place_of_defaults_one_by_one() -> None:
    spec = load_teacher("kimi-vl-a3b-thinking-2506")
    sampling = resolve_sampling(spec, SamplingOverrides(temperature=0.0, top_k=5))
    assert sampling == spec.sampling.model_copy(update={"temperature": 0.0, "top_k": 5})


def test_max_tokens_that_fill_the_context_are_refused() -> None:
    spec = load_teacher("glm-4.1v-9b-thinking")
    with pytest.raises(ConfigError, match=r"max_tokens 65536 of teacher glm-.* fills its context"):
        resolve_sampling(spec, SamplingOverrides(max_tokens=spec.context))


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ("- [", "is no YAML"),
        ("- 2001-99-99", "is no YAML"),
        ("\xff", "is no YAML"),
        ("one: two", "top: Input should be a valid array"),
        ("- name: one", r"0\.model: Field required"),
        (ENTRY.replace("context: 100", "context: many"), r"0\.context: Input should be a valid integer"),
        (ENTRY.replace("top_p: 1.0", "top_p: 2.0"), r"0\.sampling\.top_p: Input should be less than or equal to 1"),
        (ENTRY + "  colour: red", r"0\.colour: Extra inputs are not permitted"),
        (ENTRY + ENTRY, "one stands twice"),
        (ENTRY.replace("glm-4.1v", "glm"), "one has the unknown grammar 'glm'; known are glm-4.1v, kimi-vl"),
    ],
)
def test_a_damaged_list_of_teachers_is_one_clear_line(entries: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_teachers(entries.encode("latin-1"))
    assert "\n" not in str(caught.value)


def test_a_list_of_teachers_is_read_in_its_order() -> None:
    assert list(read_teachers((ENTRY.replace("one", "two") + ENTRY).encode())) == ["two", "one"]
