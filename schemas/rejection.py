"""Why an image is not in the dataset: one enum for all stages, one row per rejection."""

from __future__ import annotations

from enum import StrEnum

from schemas.base import Contract


class Stage(StrEnum):
    """The stages that images pass, in order."""

    INDEX = "index"
    SELECT = "select"
    GENERATE = "generate"
    PACK = "pack"
    VERIFY = "verify"
    REJOIN = "rejoin"


class RejectReason(StrEnum):
    """Reason codes, grouped by the stage that gives them. Published: never renamed, only added to."""

    # index: the entry cannot become a candidate
    NOT_AN_IMAGE_ID = "not_an_image_id"
    """The name holds no ImageNet stem (``nXXXXXXXX_N``)."""
    UNSAFE_NAME = "unsafe_name"
    """An archive member with an absolute name or ``..`` in it."""
    NOT_A_REGULAR_FILE = "not_a_regular_file"
    """A link, device, pipe or sparse member."""
    DUPLICATE_ID = "duplicate_id"
    """Another file, earlier in order, claims the same id."""
    ARCHIVE_DAMAGED = "archive_damaged"
    """The archive ends or breaks inside this member."""
    SIDECAR_ALONE = "sidecar_alone"
    """A sidecar in a WebDataset shard without an image beside it, or that contradicts its image or cannot be read."""

    # select: the candidate's class is not wanted
    UNKNOWN_SYNSET = "unknown_synset"
    """No release of ImageNet-21k holds this class."""
    EXCLUDED_SYNSET = "excluded_synset"
    """The class lies in an excluded subtree, or outside the asked-for classes."""
    NOT_A_LEAF = "not_a_leaf"
    """Other wanted classes lie below this one, and only leaves are asked for."""
    CLASS_TOO_SMALL = "class_too_small"
    """The source holds fewer images of the class than are asked for."""

    # select: the file is not a usable photograph (screening, in the order of the checks)
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_AN_IMAGE = "not_an_image"
    BOMB = "bomb"
    TOO_SMALL = "too_small"
    EXTREME_ASPECT = "extreme_aspect"
    DECODE_ERROR = "decode_error"
    BLANK = "blank"
    EXACT_DUPLICATE = "exact_duplicate"
    """The same bytes as an image drawn before it."""

    # pack: a teacher's last attempt left no valid pair (the values of PairStatus)
    UNCLOSED_THINK = "unclosed_think"
    NO_THINK = "no_think"
    EMPTY_THINK = "empty_think"
    EMPTY_ANSWER = "empty_answer"
    NESTED_THINK = "nested_think"
    MARKER_LEAK = "marker_leak"
    TRUNCATED = "truncated"
    REPETITION = "repetition"
    WRONG_LANGUAGE = "wrong_language"
    INVALID_UNICODE = "invalid_unicode"
    REFUSED = "refused"
    """The engine refused the request, or failed on it for good."""
    NOT_GENERATED = "not_generated"
    """A teacher has not been asked yet (packing an unfinished run)."""

    # rejoin: the reader's own copy does not hold the picture
    NOT_IN_SOURCE = "not_in_source"
    """It holds no file of this id, or none that can be read."""
    OTHER_PICTURE = "other_picture"
    """Its file of this id shows something else."""


class Rejection(Contract):
    """One image (or stray file) that left the flow.

    ``image_id`` is empty for an entry that has none; ``detail`` then names it.
    """

    image_id: str
    wnid: str
    stage: Stage
    reason: RejectReason
    detail: str
