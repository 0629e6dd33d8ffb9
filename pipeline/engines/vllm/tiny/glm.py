"""A small GLM-4.1V: the architecture that transformers and vLLM call ``glm4v``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.engines.vllm.tiny.files import write_json, write_weights
from pipeline.engines.vllm.tiny.tokenizer import added_token, train_bpe

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "[MASK]",
    "[gMASK]",
    "[sMASK]",
    "<sop>",
    "<eop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
    "<|begin_of_image|>",
    "<|end_of_image|>",
    "<|begin_of_video|>",
    "<|end_of_video|>",
    "<|image|>",
    "<|video|>",
    "<think>",
    "</think>",
    "<answer>",
    "</answer>",
    "<|begin_of_box|>",
    "<|end_of_box|>",
)
"""All single tokens. The markers are special, too: engines leave them out of the text unless told otherwise."""

STOP_TOKENS = ("<|endoftext|>", "<|user|>", "<|observation|>", "</answer>")
"""``</answer>`` ends a generation, and engines cut it off unless told otherwise (zai-org/GLM-V issue 74)."""

CHAT_TEMPLATE = """\
[gMASK]<sop>
{%- for message in messages %}
<|{{ message.role }}|>
{% if message.content is string %}
{{ message.content }}
{%- else %}
{%- for part in message.content %}
{%- if part.type in ("image", "image_url") %}
<|begin_of_image|><|image|><|end_of_image|>
{%- elif part.type in ("video", "video_url") %}
<|begin_of_video|><|video|><|end_of_video|>
{%- else %}
{{ part.text }}
{%- endif %}
{%- endfor %}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|assistant|>
{% endif %}
"""

PATCH = 14
MERGE = 2
LARGEST_SIDE = 224
"""A square picture of this side is the largest there is: 64 tokens. Others are scaled to about its area."""

SMALLEST_SIDE = 112

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
"""What is subtracted from the channels (``Glm4vImageProcessor``; first used by OpenAI's CLIP)."""

CLIP_DEVIATION = (0.26862954, 0.26130258, 0.27577711)

CONTEXT = 4096


def build_glm(directory: Path, seed: int) -> None:
    """Write a small GLM-4.1V checkpoint.

    Args:
        directory: where its files go; must exist.
        seed: chooses the weights.
    """
    ids = _write_tokenizer(directory)
    config = _configure(ids)
    config.save_pretrained(directory)
    write_json(
        directory / "generation_config.json",
        {
            "do_sample": True,
            "eos_token_id": [ids[token] for token in STOP_TOKENS],
            "pad_token_id": ids["<|endoftext|>"],
            "temperature": 0.8,
            "top_k": 2,
            "top_p": 0.6,
        },
    )
    _write_processor(directory)
    write_weights(directory, _list_shapes(config), seed)


def _write_tokenizer(directory: Path) -> dict[str, int]:
    tokenizer = train_bpe()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.save(str(directory / "tokenizer.json"))
    ids = {token: tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}
    write_json(
        directory / "tokenizer_config.json",
        {
            "added_tokens_decoder": {str(number): added_token(token) for token, number in ids.items()},
            "additional_special_tokens": list(SPECIAL_TOKENS),
            "clean_up_tokenization_spaces": False,
            "eos_token": "<|endoftext|>",
            "model_max_length": CONTEXT,
            "pad_token": "<|endoftext|>",
            "padding_side": "left",
            "processor_class": "Glm4vProcessor",
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )
    (directory / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    return ids


def _configure(ids: dict[str, int]) -> Any:
    from transformers import Glm4vConfig  # noqa: PLC0415 - no part of the core installation

    hidden = 64
    return Glm4vConfig(
        architectures=["Glm4vForConditionalGeneration"],
        dtype="float32",
        tie_word_embeddings=False,
        image_token_id=ids["<|image|>"],
        image_start_token_id=ids["<|begin_of_image|>"],
        image_end_token_id=ids["<|end_of_image|>"],
        video_token_id=ids["<|video|>"],
        video_start_token_id=ids["<|begin_of_video|>"],
        video_end_token_id=ids["<|end_of_video|>"],
        text_config={
            "vocab_size": max(ids.values()) + 1,
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "num_hidden_layers": 2,
            # vLLM's attention on CPUs knows heads of 32 and more.
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "max_position_embeddings": CONTEXT,
            # transformers always has biases on queries, keys and values; vLLM asks here.
            "attention_bias": True,
            # The three sections fill half of the rotated half of a head of 32.
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "partial_rotary_factor": 0.5,
                "mrope_section": [2, 3, 3],
            },
            "eos_token_id": [ids[token] for token in STOP_TOKENS],
            "pad_token_id": ids["<|endoftext|>"],
            "tie_word_embeddings": False,
        },
        vision_config={
            "depth": 2,
            "hidden_size": hidden,
            "num_heads": 2,
            "out_hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            "image_size": LARGEST_SIDE,
            "patch_size": PATCH,
            "spatial_merge_size": MERGE,
            "temporal_patch_size": 2,
        },
    )


def _write_processor(directory: Path) -> None:
    shared = {
        # vLLM normalises on the device, by this file alone: without these four it takes raw pixels.
        "do_normalize": True,
        "do_rescale": True,
        "image_mean": CLIP_MEAN,
        "image_std": CLIP_DEVIATION,
        "merge_size": MERGE,
        "patch_size": PATCH,
        "processor_class": "Glm4vProcessor",
        # Areas, in spite of their names, and over the two frames that a still picture is repeated into.
        "size": {"shortest_edge": SMALLEST_SIDE**2, "longest_edge": 2 * LARGEST_SIDE**2},
        "temporal_patch_size": 2,
    }
    write_json(directory / "preprocessor_config.json", {"image_processor_type": "Glm4vImageProcessor", **shared})
    write_json(directory / "video_preprocessor_config.json", {"video_processor_type": "Glm4vVideoProcessor", **shared})


def _list_shapes(config: Any) -> dict[str, tuple[int, ...]]:
    import torch  # noqa: PLC0415 - no part of the core installation
    from transformers import Glm4vForConditionalGeneration  # noqa: PLC0415 - no part of the core installation

    with torch.device("meta"):
        model = Glm4vForConditionalGeneration(config)
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
