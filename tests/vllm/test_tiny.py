"""The small checkpoints are the same each time, and speak in the teachers' forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.engines.vllm.plugins import mend_moonshot_imports
from pipeline.engines.vllm.tiny import BUILDERS, build_tiny
from pipeline.teachers import GRAMMARS
from schemas.errors import ConfigError
from tests.vllm.script import load_tokenizer

pytestmark = pytest.mark.vllm

MESSAGES = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]


def read_files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_every_grammar_has_a_small_checkpoint() -> None:
    assert BUILDERS.keys() == GRAMMARS.keys()


def test_a_grammar_without_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'llava'.*glm-4\.1v, kimi-vl"):
        build_tiny("llava", tmp_path)


@pytest.mark.parametrize("grammar", BUILDERS)
def test_the_same_seed_gives_the_same_bytes_and_another_one_other_weights(grammar: str, tmp_path: Path) -> None:
    first, again, other = (
        read_files(build_tiny(grammar, tmp_path / name, seed)) for name, seed in (("1", 0), ("2", 0), ("3", 1))
    )
    assert first == again
    assert {name for name in first if first[name] != other[name]} == {"model.safetensors"}


@pytest.fixture(scope="module")
def glm(tiny_glm: Path) -> Any:
    return load_tokenizer(tiny_glm)


@pytest.fixture(scope="module")
def kimi(tiny_kimi: Path) -> Any:
    return load_tokenizer(tiny_kimi)


@pytest.mark.parametrize("marker", ["<think>", "</think>", "<answer>", "</answer>", "<|begin_of_box|>"])
def test_the_markers_of_glm_are_special_tokens(glm: Any, marker: str) -> None:
    ids = glm.encode(marker, add_special_tokens=False)
    assert len(ids) == 1
    assert glm.decode(ids, skip_special_tokens=True) == ""


@pytest.mark.parametrize("marker", ["◁think▷", "◁/think▷"])
def test_the_markers_of_kimi_are_ordinary_text(kimi: Any, marker: str) -> None:
    ids = kimi.encode(marker, add_special_tokens=False)
    assert len(ids) > 1
    assert kimi.decode(ids, skip_special_tokens=True) == marker


def test_the_prompts_have_the_teachers_forms(glm: Any, kimi: Any) -> None:
    def render(tokenizer: Any) -> object:
        return tokenizer.apply_chat_template(MESSAGES, add_generation_prompt=True, tokenize=False)

    assert render(glm) == (
        "[gMASK]<sop><|user|>\n<|begin_of_image|><|image|><|end_of_image|>What is it?<|assistant|>\n"
    )
    assert render(kimi) == (
        "<|im_system|>system<|im_middle|>You are a helpful assistant<|im_end|>"
        "<|im_user|>user<|im_middle|>"
        "<|media_start|>image<|media_content|><|media_pad|><|media_end|>What is it?<|im_end|>"
        "<|im_assistant|>assistant<|im_middle|>"
    )


@given(text=st.text())
def test_texts_survive_the_tokenizers(glm: Any, kimi: Any, text: str) -> None:
    for tokenizer in (glm, kimi):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_the_remote_code_of_kimi_needs_what_newer_transformers_have_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoProcessor, AutoTokenizer, processing_utils  # noqa: PLC0415 - not in the core
    from transformers.models.gpt2 import tokenization_gpt2  # noqa: PLC0415 - the same

    monkeypatch.delattr(processing_utils, "_validate_images_text_input_order", raising=False)
    monkeypatch.delattr(tokenization_gpt2, "bytes_to_unicode", raising=False)
    checkpoint = build_tiny("kimi-vl", tmp_path / "not-imported-before")
    with pytest.raises(ImportError, match="bytes_to_unicode"):
        AutoTokenizer.from_pretrained(checkpoint, trust_remote_code=True)
    with pytest.raises(ImportError, match="_validate_images_text_input_order"):
        AutoProcessor.from_pretrained(checkpoint, trust_remote_code=True)
    mend_moonshot_imports()
    processor = AutoProcessor.from_pretrained(checkpoint, trust_remote_code=True)
    assert processor.tokenizer.encode("<|media_pad|>") == [processor.tokenizer.convert_tokens_to_ids("<|media_pad|>")]
