"""A small Kimi-VL: MoonViT, and a language model of DeepSeek-V3's kind with latent attention and experts.

transformers does not know the architecture. vLLM brings the model but neither processor nor tokenizer: they come as
remote code with the checkpoint, as with the public one.
"""

from __future__ import annotations

import base64
from importlib import resources
from pathlib import Path
from typing import Any

from pipeline.engines.vllm.tiny.files import write_json, write_weights
from pipeline.engines.vllm.tiny.tokenizer import added_token, train_bpe

SPECIAL_TOKENS = (
    "[BOS]",
    "[EOS]",
    "<|im_end|>",
    "<|im_user|>",
    "<|im_assistant|>",
    "<|im_system|>",
    "<|im_middle|>",
    "<|media_start|>",
    "<|media_content|>",
    "<|media_end|>",
    "<|media_pad|>",
    "[UNK]",
    "[PAD]",
)
"""The markers of thinking are not among them: they are ordinary text (MoonshotAI/Kimi-Dev issue 6)."""

CHAT_TEMPLATE = """\
{%- for message in messages %}
{%- if loop.first and message.role != "system" %}
<|im_system|>system<|im_middle|>You are a helpful assistant<|im_end|>
{%- endif %}
<|im_{{ message.role }}|>{{ message.role }}<|im_middle|>
{%- if message.content is string %}
{{ message.content }}
{%- else %}
{%- for part in message.content %}
{%- if part.type in ("image", "image_url") %}
<|media_start|>image<|media_content|><|media_pad|><|media_end|>
{%- else %}
{{ part.text }}
{%- endif %}
{%- endfor %}
{%- endif %}
<|im_end|>
{%- endfor %}
{%- if add_generation_prompt %}
<|im_assistant|>assistant<|im_middle|>
{%- endif %}
"""

PATCH = 14
MERGE = (2, 2)
MOST_PATCHES = 256
"""A picture of more is scaled down: to at most 64 tokens, and a few where its sides are filled up."""

CONTEXT = 4096


def build_kimi(directory: Path, seed: int) -> None:
    """Write a small Kimi-VL checkpoint.

    Args:
        directory: where its files go; must exist.
        seed: chooses the weights.
    """
    ids = _write_tokenizer(directory)
    config = _configure(ids)
    write_json(directory / "config.json", config)
    write_json(
        directory / "generation_config.json",
        {
            "do_sample": True,
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["[PAD]"],
            "temperature": 0.8,
        },
    )
    _write_processor(directory)
    _copy_remote_code(directory)
    write_weights(directory, {**_list_language(config["text_config"]), **_list_vision(config)}, seed)


def _write_tokenizer(directory: Path) -> dict[str, int]:
    letters = _bytes_of_letters()
    vocabulary = {bytes(letters[letter] for letter in token): rank for token, rank in train_bpe().get_vocab().items()}
    (directory / "tiktoken.model").write_bytes(
        b"".join(
            b"%b %d\n" % (base64.b64encode(token), rank)
            for token, rank in sorted(vocabulary.items(), key=lambda item: item[1])
        )
    )
    ids = {token: len(vocabulary) + number for number, token in enumerate(SPECIAL_TOKENS)}
    write_json(
        directory / "tokenizer_config.json",
        {
            "added_tokens_decoder": {str(number): added_token(token) for token, number in ids.items()},
            "additional_special_tokens": list(SPECIAL_TOKENS[2:-2]),
            "auto_map": {"AutoTokenizer": ["tokenization_moonshot.TikTokenTokenizer", None]},
            "bos_token": "[BOS]",
            "clean_up_tokenization_spaces": False,
            "eos_token": "[EOS]",
            "model_max_length": CONTEXT,
            "pad_token": "[PAD]",
            "tokenizer_class": "TikTokenTokenizer",
            "unk_token": "[UNK]",
        },
    )
    (directory / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    return ids


def _bytes_of_letters() -> dict[str, int]:
    from transformers.convert_slow_tokenizer import bytes_to_unicode  # noqa: PLC0415 - no part of the core installation

    return {letter: byte for byte, letter in bytes_to_unicode().items()}


def _configure(ids: dict[str, int]) -> dict[str, Any]:
    special = {"bos_token_id": ids["[BOS]"], "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["[PAD]"]}
    hidden = 64
    return {
        "architectures": ["KimiVLForConditionalGeneration"],
        "model_type": "kimi_vl",
        "dtype": "float32",
        "ignore_index": -100,
        "media_placeholder_token_id": ids["<|media_pad|>"],
        "tie_word_embeddings": False,
        **special,
        "vision_config": {
            "model_type": "moonvit",
            "hidden_size": hidden,
            "init_pos_emb_height": 16,
            "init_pos_emb_width": 16,
            "intermediate_size": 2 * hidden,
            "merge_kernel_size": list(MERGE),
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "patch_size": PATCH,
        },
        "text_config": {
            "model_type": "deepseek_v3",
            "attention_bias": False,
            "first_k_dense_replace": 1,
            "hidden_act": "silu",
            "hidden_size": hidden,
            "intermediate_size": 2 * hidden,
            # The two that vLLM's latent attention on CPUs is written for; they are the public model's.
            "kv_lora_rank": 512,
            "qk_rope_head_dim": 64,
            "max_position_embeddings": CONTEXT,
            "moe_intermediate_size": 32,
            "moe_layer_freq": 1,
            "n_group": 1,
            "n_routed_experts": 8,
            "n_shared_experts": 2,
            "norm_topk_prob": True,
            "num_attention_heads": 2,
            "num_experts_per_tok": 2,
            "num_hidden_layers": 2,
            "num_key_value_heads": 2,
            "q_lora_rank": None,
            "qk_nope_head_dim": 32,
            "rms_norm_eps": 1e-5,
            "rope_theta": 800000.0,
            "routed_scaling_factor": 2.446,
            "scoring_func": "sigmoid",
            "topk_group": 1,
            "topk_method": "noaux_tc",
            "v_head_dim": 32,
            "vocab_size": max(ids.values()) + 1,
            **special,
        },
    }


def _write_processor(directory: Path) -> None:
    write_json(
        directory / "preprocessor_config.json",
        {
            "auto_map": {
                "AutoImageProcessor": "image_processing_kimi_vl.KimiVLImageProcessor",
                "AutoProcessor": "processing_kimi_vl.KimiVLProcessor",
            },
            "image_mean": [0.5, 0.5, 0.5],
            "image_processor_type": "KimiVLImageProcessor",
            "image_std": [0.5, 0.5, 0.5],
            "in_token_limit": MOST_PATCHES,
            "merge_kernel_size": list(MERGE),
            "pad_input": True,
            "patch_size": PATCH,
            "processor_class": "KimiVLProcessor",
        },
    )


def _copy_remote_code(directory: Path) -> None:
    for file in (resources.files(__package__) / "remote").iterdir():
        if file.name.endswith(".py"):
            (directory / file.name).write_bytes(file.read_bytes())


def _list_language(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes of the language model's tensors."""
    hidden, words, latent = config["hidden_size"], config["vocab_size"], config["kv_lora_rank"]
    heads, plain, turned = config["num_attention_heads"], config["qk_nope_head_dim"], config["qk_rope_head_dim"]
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (words, hidden),
        "lm_head.weight": (words, hidden),
        "model.norm.weight": (hidden,),
    }
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}"
        attention = f"{layer}.self_attn"
        shapes |= {
            f"{layer}.input_layernorm.weight": (hidden,),
            f"{layer}.post_attention_layernorm.weight": (hidden,),
            f"{attention}.q_proj.weight": (heads * (plain + turned), hidden),
            f"{attention}.kv_a_proj_with_mqa.weight": (latent + turned, hidden),
            f"{attention}.kv_a_layernorm.weight": (latent,),
            f"{attention}.kv_b_proj.weight": (heads * (plain + config["v_head_dim"]), latent),
            f"{attention}.o_proj.weight": (hidden, heads * config["v_head_dim"]),
        }
        if number < config["first_k_dense_replace"]:
            shapes |= _list_gated(f"{layer}.mlp", hidden, config["intermediate_size"])
        else:
            shapes |= _list_experts(f"{layer}.mlp", config)
    return {f"language_model.{name}": shape for name, shape in shapes.items()}


def _list_experts(name: str, config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    hidden, experts, width = config["hidden_size"], config["n_routed_experts"], config["moe_intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        f"{name}.gate.weight": (experts, hidden),
        f"{name}.gate.e_score_correction_bias": (experts,),
        **_list_gated(f"{name}.shared_experts", hidden, width * config["n_shared_experts"]),
    }
    for expert in range(experts):
        shapes |= _list_gated(f"{name}.experts.{expert}", hidden, width)
    return shapes


def _list_gated(name: str, hidden: int, width: int) -> dict[str, tuple[int, ...]]:
    return {
        f"{name}.gate_proj.weight": (width, hidden),
        f"{name}.up_proj.weight": (width, hidden),
        f"{name}.down_proj.weight": (hidden, width),
    }


def _list_vision(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors of MoonViT and of the projector behind it."""
    vision = config["vision_config"]
    hidden, width = vision["hidden_size"], vision["intermediate_size"]
    merged = hidden * MERGE[0] * MERGE[1]
    grid = (vision["init_pos_emb_height"], vision["init_pos_emb_width"])
    shapes: dict[str, tuple[int, ...]] = {
        "vision_tower.patch_embed.proj.weight": (hidden, 3, PATCH, PATCH),
        "vision_tower.patch_embed.proj.bias": (hidden,),
        "vision_tower.patch_embed.pos_emb.weight": (*grid, hidden),
        **_list_biased("vision_tower.encoder.final_layernorm", hidden),
        **_list_biased("multi_modal_projector.pre_norm", hidden),
        **_list_biased("multi_modal_projector.linear_1", merged, merged),
        **_list_biased("multi_modal_projector.linear_2", config["text_config"]["hidden_size"], merged),
    }
    for number in range(vision["num_hidden_layers"]):
        block = f"vision_tower.encoder.blocks.{number}"
        shapes |= {
            **_list_biased(f"{block}.norm0", hidden),
            **_list_biased(f"{block}.norm1", hidden),
            **_list_biased(f"{block}.mlp.fc0", width, hidden),
            **_list_biased(f"{block}.mlp.fc1", hidden, width),
            **_list_biased(f"{block}.wqkv", 3 * hidden, hidden),
            **_list_biased(f"{block}.wo", hidden, hidden),
        }
    return shapes


def _list_biased(name: str, outputs: int, *inputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, *inputs), f"{name}.bias": (outputs,)}
