"""How the report says things, on a terminal and on the page alike."""

from __future__ import annotations

from schemas.selection_report import DomainGroup, Loss, MissedClass

_EN_DASH = "\N{EN DASH}"


def explain_missed(missed: MissedClass) -> str:
    """Why a class gave fewer images than its quota: what became of the others."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in missed.reasons.items())
    if missed.indexed == missed.drawn + sum(missed.reasons.values()):
        return reasons
    # it has more, so that only caps can have kept it from them
    return "; ".join(filter(None, [reasons, "caps of domains ended the draw"]))


def describe_bounds(group: DomainGroup) -> str:
    """What share the configuration allows a domain; empty where it says nothing."""
    if group.floor == 0 and group.cap == 1:
        return ""
    return f"{100 * group.floor:.3g}{_EN_DASH}{100 * group.cap:.3g}%"


def name_size(name: str) -> str:
    """A range of class sizes as people write it."""
    return name.replace("-", _EN_DASH)


def list_examples(loss: Loss) -> list[str]:
    """The examples by id, or by what names them where they have none."""
    return [example.image_id or example.detail for example in loss.examples]
