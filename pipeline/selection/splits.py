"""Which images are held out for the benchmark, decided before anything is generated.

Every decision is a threshold on a keyed hash of one synset or one image, so that it does not depend on what else is in
the selection. Only near-duplicates look beyond their own image: a group with a held-out member is held out whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pipeline.taxonomy import Taxonomy
from schemas.config import HoldoutConfig
from schemas.identity import rank
from schemas.image import Holdout

_RANKS = 2**64


def judge_holdout(taxonomy: Taxonomy, config: HoldoutConfig, seed: int) -> Callable[[str, str], Holdout]:
    """Make the rule that says how far (image_id, wnid) is held out, near-duplicates aside.

    Raises:
        ConfigError: a held-out subtree is not in the taxonomy.
    """
    subtrees = {wnid for root in config.subtrees for wnid in taxonomy.subtree(root)}

    def judge(image_id: str, wnid: str) -> Holdout:
        if wnid in subtrees:
            return "subtree"
        if rank(seed, f"holdout synset\n{wnid}") < config.synset_share * _RANKS:
            return "synset"
        if rank(seed, f"holdout image\n{image_id}") < config.image_share * _RANKS:
            return "image"
        return "none"

    return judge


def hold_groups_together(holdouts: Iterable[Holdout], groups: Sequence[str]) -> list[Holdout]:
    """Hold out every near-duplicate of a held-out image.

    Args:
        holdouts: per image.
        groups: per image, its group's name.
    """
    judged = list(holdouts)
    held = {group for holdout, group in zip(judged, groups, strict=True) if holdout != "none"}
    return [
        "image" if holdout == "none" and group in held else holdout
        for holdout, group in zip(judged, groups, strict=True)
    ]
