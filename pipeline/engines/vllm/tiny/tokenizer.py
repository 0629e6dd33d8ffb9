"""A byte-level vocabulary of some hundred tokens, trained on the spot."""

from __future__ import annotations

from typing import Any

PROSE = """\
Got it, let's look at this image step by step. First, I need to see what the main subject is. The picture shows a
small brown dog with a red collar, standing on the green grass beside a wooden fence. There is a white house in the
background, and the sky above it is blue with some clouds. The light comes from the left, so the shadows fall to the
right. Let me think about the details: the fur is short, the ears are long, and the eyes are dark. The dog seems to be
looking at something outside the frame. It may be a young animal, because its paws are large compared with its body.
Now, what else is in the scene? There are two people in the distance, a bicycle, and several trees. The colours are
natural and the focus is on the foreground. I should describe the subject, its surroundings, the composition and the
mood of this photograph, and give as much information as possible.
The image shows a brown dog on a lawn in front of a house. In summary, this is an outdoor photograph, taken during the
day, with a single animal as its subject. **Final answer**: a dog that is standing on the grass.
Please analyze this image step by step. Explain your reasoning process.
"""
"""Words like the teachers', so that their texts come to about as many tokens as with a real vocabulary."""

BASE_VOCABULARY = 768
"""Tokens before the special ones: 256 bytes and what is merged from them."""


def train_bpe() -> Any:
    """Train a byte-level vocabulary of ``BASE_VOCABULARY`` tokens, none of them special.

    Returns:
        A ``tokenizers.Tokenizer``. Its tokens are numbered in the order in which they were merged.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415 - not in the core

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=BASE_VOCABULARY,
        show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator([PROSE], trainer)
    return tokenizer


def added_token(content: str) -> dict[str, object]:
    """A special token as ``tokenizer_config.json`` describes it."""
    return {
        "content": content,
        "lstrip": False,
        "normalized": False,
        "rstrip": False,
        "single_word": False,
        "special": True,
    }
