"""An image on its way: where it lies, what is known of it, what it was selected for."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from schemas.base import Contract, Hash64, ImageId, Sha256, Wnid

Split = Literal["train", "benchmark"]
SPLITS: tuple[Split, ...] = get_args(Split)
Holdout = Literal["none", "image", "synset", "subtree"]
"""How far an image is from train: only other images, only other synsets, or only other subtrees are trained on."""
ImageFormat = Literal["JPEG", "PNG", "GIF", "WEBP", "BMP"]
Stratum = Literal["low", "middle", "high"]
"""Tercile of visual complexity, between thresholds that are estimated once for a whole collection."""


class ImageRef(Contract):
    """Where one image's bytes lie.

    ``container`` is relative to the source's root, in POSIX form: the file itself, or the archive that
    holds it. ``offset`` and ``size`` are in bytes.
    """

    image_id: ImageId
    wnid: Wnid
    container: str
    offset: int = Field(ge=0)
    size: int = Field(ge=0)


class IndexedImage(ImageRef):
    """One row of the index: where an image lies, and what its first bytes say of it.

    Width and height are in pixels as the header announces them, before any EXIF orientation. They are null where nobody
    looked, or where the header does not tell; screening then finds out.
    """

    width: int | None = Field(gt=0)
    height: int | None = Field(gt=0)
    format: ImageFormat | None


class ImageFacts(Contract):
    """What screening measured on a usable photograph.

    Width and height are of the upright picture (EXIF orientation applied), in pixels. ``complexity`` is in
    bits per pixel of a canonical re-encode (see ``pipeline.screening.measures``), a proxy for visual clutter.
    """

    width: int = Field(gt=0)
    height: int = Field(gt=0)
    bytes: int = Field(gt=0)
    sha256: Sha256
    """Of the file as the source holds it."""
    phash: Hash64
    complexity: float = Field(ge=0)
    format: ImageFormat
    gzipped: bool
    """The file is a gzip stream around the image."""
    greyscale: bool
    sharpness: float = Field(ge=0)
    """Variance of the Laplacian of the thumbnail's grey levels; see ``pipeline.screening.measures``."""
    normalised: tuple[str, ...]
    """What had to be done to make the decoded pixels upright 8-bit sRGB; empty when they are so already."""


class SelectedImage(Contract):
    """One row of the selection: where the image lies, its facts, and what it was drawn for."""

    order: int = Field(ge=0)
    """Position in the draw; a smaller target is a prefix of a larger one."""
    ref: ImageRef
    facts: ImageFacts
    split: Split
    holdout: Holdout
    stratum: Stratum
    weight: float = Field(gt=0)
    """Images of the same class and stratum in the collection that this one stands for."""
    blurred: bool
    """Less sharp than all but one in a hundred of the collection's photographs."""
    duplicate_group: ImageId
    """The smallest id among its near-duplicates; its own when it has none."""
