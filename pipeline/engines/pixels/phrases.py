"""From measurements to words that both voices use. Each scale says from which value on a word holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from pipeline.engines.pixels.facts import CELLS, COLUMNS, ROWS, Family, Measurements, Shade

Scale = tuple[tuple[float, str], ...]

LIGHTNESS: Scale = (
    (0, "very dark"),
    (15, "dark"),
    (32, "rather dark"),
    (44, "of middling lightness"),
    (58, "rather light"),
    (72, "light"),
    (88, "very light"),
)
"""By mean L*."""

CONTRAST: Scale = ((0, "hardly any"), (10, "low"), (30, "moderate"), (55, "strong"), (80, "very strong"))
"""By the distance between the 5th and the 95th percentile of L*."""

COLOURFULNESS: Scale = (
    (0, "not colourful"),
    (7.5, "slightly colourful"),
    (24, "moderately colourful"),
    (39, "fairly colourful"),
    (52, "quite colourful"),
    (70.5, "highly colourful"),
    (95.5, "extremely colourful"),
)
"""The verbal scale of Hasler and Süsstrunk (2003); words change midway between their anchors."""

FINENESS: Scale = ((0, "very soft"), (60, "soft"), (300, "moderately fine"), (1200, "fine"), (3000, "very fine"))
"""By the variance of the Laplacian, as it falls on ordinary photographs at this size."""

SHARES: Scale = (
    (0, "next to none"),
    (1, "a trace"),
    (4, "a small part"),
    (8, "about a tenth"),
    (13, "about a sixth"),
    (19, "about a fifth"),
    (23, "about a quarter"),
    (29, "about a third"),
    (37, "about two fifths"),
    (45, "about half"),
    (55, "more than half"),
    (63, "about two thirds"),
    (71, "about three quarters"),
    (79, "most"),
    (95, "nearly all"),
)
"""By percent."""

GAPS: Scale = ((0, "hardly"), (5, "a little"), (12, "clearly"), (30, "much"))
"""By a difference of L*: goes before ``lighter`` or ``darker``."""

HALVES = {"left": "left half", "right": "right half", "top": "upper half", "bottom": "lower half"}
OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}

_AT = {
    "upper left": "in the upper left",
    "upper middle": "at top centre",
    "upper right": "in the upper right",
    "middle left": "at centre left",
    "centre": "in the centre",
    "middle right": "at centre right",
    "lower left": "in the lower left",
    "lower middle": "at bottom centre",
    "lower right": "in the lower right",
}
_MASS_NOUNS = {"black": "black", "white": "white"}


class Wording:
    """Picks among wordings by what was measured, a seed and the voice, so that equal inputs give equal texts.

    Args:
        measurements: of the picture.
        seed: varies the wording between attempts.
        voice: name of the voice.
    """

    def __init__(self, measurements: Measurements, seed: int, voice: str) -> None:
        self._key = hashlib.sha256(f"{measurements!r}\n{seed}\n{voice}".encode()).digest()

    def pick(self, *variants: str) -> str:
        """One of the variants. The choice is drawn afresh for every list of variants."""
        digest = hashlib.blake2b("\n".join(variants).encode(), key=self._key, digest_size=8).digest()
        return variants[int.from_bytes(digest, "big") % len(variants)]


def word_for(scale: Scale, value: float) -> str:
    """The last word of a scale whose limit the value reaches."""
    return [word for limit, word in scale if value >= limit][-1]


def percent(value: int) -> str:
    """A share in figures; one that rounds to 0 is not said to be nothing."""
    return f"{value}%" if value else "less than half a percent"


def compared(gap: int) -> str:
    """A signed difference of L* in words: ``much darker than``."""
    return (
        f"{word_for(GAPS, abs(gap))} {'lighter' if gap > 0 else 'darker'} than"
        if abs(gap) >= 3
        else "about as light as"
    )


def at(place: str) -> str:
    """A place with its preposition: ``in the centre``."""
    if place in CELLS:
        return _AT[place]
    assert place in ROWS or place in COLUMNS
    return f"in the {place}"


def with_article(noun: str) -> str:
    """``a`` or ``an`` before a colour's name."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def plural(family: str) -> str:
    """A colour family as a crowd of shades: ``browns``."""
    return _MASS_NOUNS.get(family, f"{family}s")


def join_words(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def list_shades(shades: Sequence[Shade]) -> str:
    """Shades with their shares: ``rust (27%) and tan (6%)``."""
    return join_words(f"{shade.name} ({percent(shade.percent)})" for shade in shades)


def list_families(families: Sequence[Family]) -> str:
    """Colour families with their shares: ``browns (48%) and reds (21%)``."""
    return join_words(f"{plural(family.name)} ({percent(family.percent)})" for family in families)


def sentence(text: str) -> str:
    """A text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def paragraph(*sentences: str) -> str:
    """Sentences in a row; empty ones are left out."""
    return " ".join(sentence(text) for text in sentences if text)
