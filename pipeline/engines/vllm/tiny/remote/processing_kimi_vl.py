# ruff: noqa: INP001 - remote code: copied into checkpoints, never imported from here
"""Picture and text for Kimi-VL, with the file, the class and the imports of Moonshot's public repository.

Where the import of ``_validate_images_text_input_order`` fails, it fails for the public checkpoint as well: newer
transformers have dropped the function. ``pipeline.engines.vllm.plugins`` mends that.
"""

from __future__ import annotations

from typing import ClassVar

from PIL import Image
from transformers.feature_extraction_utils import BatchFeature
from transformers.processing_utils import ProcessorMixin, _validate_images_text_input_order


class KimiVLProcessor(ProcessorMixin):  # type: ignore[misc]  # transformers is no part of the core
    """Puts as many placeholders into a prompt as its pictures have tokens.

    Args:
        image_processor: makes patches of pictures.
        tokenizer: makes ids of text.
        chat_template: of the conversation, in Jinja.
    """

    attributes: ClassVar = ["image_processor", "tokenizer"]
    image_processor_class = "AutoImageProcessor"
    tokenizer_class = "AutoTokenizer"

    def __init__(
        self,
        image_processor: object = None,
        tokenizer: object = None,
        chat_template: str | None = None,
        **_: object,
    ) -> None:
        self.image_token = "<|media_pad|>"  # noqa: S105 - a token of text, no secret
        super().__init__(image_processor, tokenizer, chat_template=chat_template)

    def __call__(
        self,
        images: list[Image.Image] | None = None,
        text: str | list[str] | None = None,
        return_tensors: str | None = None,
        **kwargs: object,
    ) -> BatchFeature:
        """Prepare prompts and the pictures in them.

        Args:
            images: in the order of their placeholders.
            text: one prompt or several, with one placeholder per picture.
            return_tensors: ``pt`` for tensors of ids.
            kwargs: the tokenizer's.

        Returns:
            ``input_ids`` and ``attention_mask``, and the image processor's values.
        """
        images, text = _validate_images_text_input_order(images, text)
        prompts = [text] if isinstance(text, str) else list(text or [])
        pictures = self.image_processor(images, return_tensors=return_tensors) if images else {}
        if pictures:
            down, across = self.image_processor.merge_kernel_size
            tokens = [int(height * width) // (down * across) for height, width in pictures["image_grid_hws"]]
            prompts = self._repeat_placeholders(prompts, tokens)
        known = {"add_special_tokens", "max_length", "padding", "truncation"}
        options = {name: value for name, value in kwargs.items() if name in known}
        return BatchFeature({**self.tokenizer(prompts, return_tensors=return_tensors, **options), **pictures})

    def _repeat_placeholders(self, prompts: list[str], tokens: list[int]) -> list[str]:
        counts = iter(tokens)
        repeated = []
        for prompt in prompts:
            first, *rest = prompt.split(self.image_token)
            repeated.append(first + "".join(self.image_token * next(counts) + part for part in rest))
        return repeated

    @property
    def model_input_names(self) -> list[str]:
        """What a model takes."""
        return [*self.tokenizer.model_input_names, *self.image_processor.model_input_names]
