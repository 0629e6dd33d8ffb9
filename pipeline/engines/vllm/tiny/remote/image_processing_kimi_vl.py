# ruff: noqa: INP001 - remote code: copied into checkpoints, never imported from here
"""Pictures for Kimi-VL: scaled down to a budget, filled up to whole merged patches, cut into patches."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from transformers.feature_extraction_utils import BatchFeature
from transformers.image_processing_utils import BaseImageProcessor


class KimiVLImageProcessor(BaseImageProcessor):  # type: ignore[misc]  # transformers is no part of the core
    """Makes patches of pictures. Its attributes are what vLLM counts a picture's tokens by.

    Args:
        patch_size: side of a patch, in pixels.
        merge_kernel_size: patches (down, across) that make one token.
        in_token_limit: patches of the largest picture; a larger one is scaled down.
        image_mean: subtracted from each channel's values of 0 to 1.
        image_std: what the channels are divided by thereafter.
        pad_input: must be true; cropping instead of filling up is left out here.
        kwargs: whatever is transformers' own.
    """

    model_input_names: ClassVar = ["pixel_values", "image_grid_hws"]

    def __init__(
        self,
        patch_size: int = 14,
        merge_kernel_size: tuple[int, int] = (2, 2),
        in_token_limit: int = 4096,
        image_mean: tuple[float, float, float] = (0.5, 0.5, 0.5),
        image_std: tuple[float, float, float] = (0.5, 0.5, 0.5),
        *,
        pad_input: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.patch_size = patch_size
        self.merge_kernel_size = merge_kernel_size
        self.in_token_limit = in_token_limit
        self.image_mean = image_mean
        self.image_std = image_std
        self.pad_input = pad_input

    def preprocess(
        self, images: Image.Image | list[Image.Image], return_tensors: str | None = None, **_: object
    ) -> BatchFeature:
        """Cut pictures into patches.

        Returns:
            ``pixel_values``, of shape (patches, 3, patch_size, patch_size), and ``image_grid_hws``: each picture's
            patches down and across.
        """
        pictures = images if isinstance(images, (list, tuple)) else [images]
        patches = [self._cut(self._scale(picture)) for picture in pictures]
        data = {
            "pixel_values": torch.cat([part.flatten(0, 1) for part in patches]),
            "image_grid_hws": torch.tensor([part.shape[:2] for part in patches]),
        }
        return BatchFeature(data=data, tensor_type=return_tensors)

    def _scale(self, picture: Image.Image) -> Image.Image:
        width, height = picture.size
        patches = (width // self.patch_size) * (height // self.patch_size)
        if patches <= self.in_token_limit:
            return picture
        scale = math.sqrt(self.in_token_limit / patches)
        return picture.resize((int(width * scale), int(height * scale)), Image.Resampling.BICUBIC)

    def _cut(self, picture: Image.Image) -> torch.Tensor:
        """Patches by row and column: shape (down, across, 3, patch_size, patch_size)."""
        side = self.patch_size
        pixels = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1) / 255
        _, height, width = pixels.shape
        down, across = (side * merged for merged in self.merge_kernel_size)
        pixels = torch.nn.functional.pad(pixels, (0, -width % across, 0, -height % down))
        mean, deviation = (torch.tensor(values)[:, None, None] for values in (self.image_mean, self.image_std))
        pixels = (pixels - mean) / deviation
        return pixels.unfold(1, side, side).unfold(2, side, side).permute(1, 2, 0, 3, 4)
