"""What vLLM is told follows from teacher, configuration and checkpoint alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.engines.checkpoint import Checkpoint
from pipeline.engines.vllm.arguments import command_line, engine_arguments, flatten_processor
from pipeline.teachers import GRAMMARS, MarkerGrammar, load_teacher, load_teachers
from schemas.engines import VllmEngine

HUB = Checkpoint("lab/model", "0" * 40, is_pinned=True, is_local=False, remote_code=False)
FOLDER = Checkpoint("/models/tiny", "local-0123456789abcdef", is_pinned=True, is_local=True, remote_code=False)


def arguments(teacher: str = "glm-4.1v-9b-thinking", checkpoint: Checkpoint = HUB, **settings: Any) -> dict[str, Any]:
    spec = load_teacher(teacher)
    config = VllmEngine(kind="vllm", **settings)
    return engine_arguments(config, spec, GRAMMARS[spec.grammar], checkpoint)


@pytest.mark.parametrize("teacher", load_teachers())
def test_what_only_unique_pictures_need_is_set_for_every_teacher(teacher: str) -> None:
    given = arguments(teacher)
    assert given["limit_mm_per_prompt"]["image"] == 1
    assert given["mm_processor_cache_gb"] == 0
    assert given["enable_prefix_caching"] is False
    assert given["max_model_len"] == load_teacher(teacher).engine.max_model_len


def test_the_thinking_budget_counts_between_the_teachers_own_markers() -> None:
    assert arguments("kimi-vl-a3b-thinking-2506")["reasoning_config"] == {
        "reasoning_start_str": "◁think▷",
        "reasoning_end_str": "◁/think▷",
    }


def test_thinking_that_nothing_opens_has_no_budget_to_count() -> None:
    spec = load_teacher("glm-4.1v-9b-thinking")
    boxed = MarkerGrammar(name="boxed", think=("", "\\boxed{"))
    assert "reasoning_config" not in engine_arguments(VllmEngine(kind="vllm"), spec, boxed, HUB)


def test_a_commit_is_handed_on_and_a_folder_has_none() -> None:
    assert arguments()["revision"] == "0" * 40
    assert "revision" not in arguments(checkpoint=FOLDER)


def test_remote_code_is_trusted_only_where_the_checkpoint_says_so() -> None:
    trusted = Checkpoint("lab/model", "0" * 40, is_pinned=True, is_local=False, remote_code=True)
    assert arguments(checkpoint=trusted)["trust_remote_code"] is True
    assert "trust_remote_code" not in arguments()


def test_the_configuration_has_the_last_word() -> None:
    given = arguments(max_model_len=512, engine_args={"enable_prefix_caching": True, "enforce_eager": True})
    assert given["max_model_len"] == 512
    assert given["enable_prefix_caching"] is True
    assert given["enforce_eager"] is True


def test_processor_settings_of_the_build_join_those_of_the_teacher() -> None:
    given = arguments(mm_processor_kwargs={"size": {"longest_edge": 9}})
    assert given["mm_processor_kwargs"] == {"size": {"longest_edge": 9}}
    assert "mm_processor_kwargs" not in arguments()


def test_a_picture_is_encoded_on_every_gpu_where_the_text_is_split_over_several() -> None:
    assert arguments(tensor_parallel_size=2)["mm_encoder_tp_mode"] == "data"
    assert "mm_encoder_tp_mode" not in arguments()


def test_flags_carry_every_kind_of_value() -> None:
    flags = command_line(
        {
            "model": "lab/model",
            "dtype": "auto",
            "max_num_seqs": 8,
            "enforce_eager": True,
            "enable_prefix_caching": False,
            "limit_mm_per_prompt": {"image": 1},
            "logits_processors": ["a:B", "c:D"],
        }
    )
    assert flags[0] == "lab/model"
    assert flags[1:6] == ["--dtype", "auto", "--max-num-seqs", "8", "--enforce-eager"]
    assert "--no-enable-prefix-caching" in flags
    assert json.loads(flags[flags.index("--limit-mm-per-prompt") + 1]) == {"image": 1}
    assert flags[-3:] == ["--logits-processors", "a:B", "c:D"]


def test_processor_settings_become_flat_text() -> None:
    assert flatten_processor({"size": {"longest_edge": 9, "deep": {"er": None}}, "mean": [0.5], "on": True}) == {
        "size.longest_edge": "9",
        "size.deep.er": "null",
        "mean": "[0.5]",
        "on": "true",
    }
