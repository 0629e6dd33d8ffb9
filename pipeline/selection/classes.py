"""Which classes are drawn from, as far as that can be told without the source."""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from fractions import Fraction

from pipeline.selection.windows import WINDOW, WINDOW_PICKS
from pipeline.taxonomy import Taxonomy
from schemas.config import ClassList, SelectionConfig
from schemas.errors import ConfigError
from schemas.rejection import RejectReason

PERSON = "n00007846"

PILOT = 4096
"""Candidates from which thresholds are estimated: those with the smallest ranks of all, and so a sample of the whole
collection that does not depend on the target. A tercile is then off by 1.5 % of the collection at most (two standard
errors of a proportion of a third)."""

_REJECTS = 1.3
"""Candidates looked at for every usable one, with some to spare."""

ClassJudge = Callable[[str], RejectReason | None]


def judge_class(taxonomy: Taxonomy, config: SelectionConfig) -> ClassJudge:
    """Make the rule that says why a class (by its wnid) is not wanted, or ``None`` when it is.

    A class is a leaf when no other wanted class lies below it, whether or not the source holds that one: what is drawn
    from a class does not depend on which other classes somebody has.

    Raises:
        ConfigError: a synset of the configuration is not in WordNet's part for ImageNet-21k, or no class is wanted.
    """
    if config.classes_file is not None:
        raise ConfigError(f"{config.classes_file}: was not read", "load the configuration from its own file")
    listed = _listed(taxonomy, config)
    excluded = {wnid for root in config.exclude_subtrees for wnid in taxonomy.subtree(root)}
    excluded |= {taxonomy[wnid].wnid for wnid in config.exclude_synsets}
    wanted = listed - excluded
    if not wanted:
        raise ConfigError(
            "selection: all classes that are asked for are excluded",
            "change classes, class_list, exclude_subtrees or exclude_synsets (people are excluded by default)",
        )
    inner = {above for wnid in wanted for above in taxonomy.ancestors(wnid)} if config.leaf_only else set()

    def judge(wnid: str) -> RejectReason | None:
        if taxonomy.label(wnid) is None:
            return RejectReason.UNKNOWN_SYNSET
        if wnid not in wanted:
            return RejectReason.EXCLUDED_SYNSET
        return RejectReason.NOT_A_LEAF if wnid in inner else None

    return judge


def wanted_classes(taxonomy: Taxonomy, config: SelectionConfig) -> frozenset[str]:
    """The wnids from which images may be drawn.

    Raises:
        ConfigError: see :func:`judge_class`.
    """
    judge = judge_class(taxonomy, config)
    return frozenset(wnid for wnid in taxonomy if judge(wnid) is None)


def candidates_needed(config: SelectionConfig, classes: int) -> int:
    """How many of the first candidates of each class the draw will usually look at.

    Args:
        config: of the selection.
        classes: number of classes that share the draw.
    """
    share = math.ceil(config.images / max(classes, 1))
    looked_at = math.ceil(share / WINDOW_PICKS) * WINDOW if config.balance_complexity else share
    # of classes of twice the usual size the pilot holds twice as many
    in_pilot = math.ceil(2 * PILOT / max(classes, 1))
    return max(8, in_pilot, math.ceil(_REJECTS * looked_at))


def classes_of(taxonomy: Taxonomy, release: ClassList) -> frozenset[str]:
    """The classes of a release.

    No list of ``winter21``'s 19,167 classes is published in a form that ships with this package. They are ``fall11``
    without 2,674 synsets below person. Here they are ``fall11`` without person and all that is below, and with those
    105 of them that ``winter21-p`` holds: 19,110 classes. Left out are 54 other kinds of people that it keeps, and 3
    named people. As long as people are excluded, which is the default, this makes no difference.
    """
    if release == "winter21":
        return classes_of(taxonomy, "fall11") - taxonomy.subtree(PERSON) | classes_of(taxonomy, "winter21-p")
    return frozenset(wnid for wnid in taxonomy if release in taxonomy[wnid].releases)


def check_domains(taxonomy: Taxonomy, config: SelectionConfig) -> None:
    """Check the bounds by domain.

    Raises:
        ConfigError: they name a domain that no class has, or their floors are more than the whole.
    """
    known = {taxonomy[wnid].domain for wnid in taxonomy}
    for name in config.domains:
        if name not in known:
            raise ConfigError(
                f"selection.domains: unknown domain {name!r}", f"the domains are {', '.join(sorted(known))}"
            )
    # as the decimals that were written: 0.7 and three times 0.1 are 1 and not a little more
    floors = sum((Fraction(str(share.floor)) for share in config.domains.values()), Fraction())
    if floors > 1:
        raise ConfigError(f"selection.domains: the floors add up to {float(floors):g}", "they may add up to 1 at most")


def _listed(taxonomy: Taxonomy, config: SelectionConfig) -> AbstractSet[str]:
    """The classes asked for by name: those of the list that are also of the release, where both are given."""
    listed = frozenset(wnid for wnid in taxonomy if taxonomy.label(wnid) is not None)
    if config.class_list is not None:
        listed &= classes_of(taxonomy, config.class_list)
    if config.classes is not None:
        listed &= {taxonomy[wnid].wnid for wnid in config.classes}
    return listed
