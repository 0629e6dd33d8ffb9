"""What the surveyor answers: the whole, then what stands out, then light, texture and layout."""

from __future__ import annotations

from pipeline.engines.pixels.facts import Measurements, Shade, Subject
from pipeline.engines.pixels.phrases import (
    COLOURFULNESS,
    CONTRAST,
    FINENESS,
    HALVES,
    LIGHTNESS,
    SHARES,
    Wording,
    at,
    compared,
    join_words,
    list_families,
    list_shades,
    paragraph,
    percent,
    with_article,
    word_for,
)
from pipeline.engines.pixels.voices.surveyor_thinking import tell_layout, tell_mark

_KINDS = {"landscape": "landscape-format picture", "portrait": "upright picture", "square": "square picture"}


def answer(m: Measurements, w: Wording) -> str:
    """Describe the picture in about 120 words."""
    return "\n\n".join((_whole(m, w), _subject(m.subject, w), _rest(m, w)))


def _whole(m: Measurements, w: Wording) -> str:
    kind = with_article(_KINDS[m.frame.shape])
    size = f"{m.frame.width} by {m.frame.height} pixels"
    light = f"{word_for(LIGHTNESS, m.light.mean)}, with {word_for(CONTRAST, m.light.range)} contrast"
    first = w.pick(f"This is {kind} of {size}, {light}.", f"{kind}, {size}: {light}.")
    palette = (
        f"It is without colour; its tones are {list_shades(m.colours.shades[:3])}."
        if m.is_grey
        else f"Above all it holds {list_families(m.colours.families[:3])}, and the palette is "
        f"{word_for(COLOURFULNESS, m.colours.colourfulness)}."
    )
    return paragraph(first, palette, _gathering(m.colours.shades))


def _gathering(shades: tuple[Shade, ...]) -> str:
    names: dict[str, list[str]] = {}
    for shade in shades[:4]:
        if shade.home:
            names.setdefault(shade.home, []).append(shade.name)
    if not names:
        return ""
    (first, group), *others = names.items()
    verb = "are" if len(group) > 1 else "is"
    opening = f"{join_words(group)} {verb} commonest {at(first)}"
    return ", ".join([opening, *(f"{join_words(shades_there)} {at(home)}" for home, shades_there in others)]) + "."


def _subject(subject: Subject | None, w: Wording) -> str:
    if subject is None:
        return "Nothing stands out from the rest: at a coarse scale it is one nearly uniform field."
    if subject.certainty == "scattered":
        verdict = w.pick(
            "No single subject could be located; what attracts attention is scattered over the frame.",
            "The eye is not led to one spot, since what stands out is spread over the frame.",
        )
        return paragraph(verdict, tell_mark(subject))
    verb = "lies" if subject.certainty == "clear" else "seems to lie"
    mark = f"marked by {subject.mark}, " if subject.is_marked else ""
    return paragraph(
        f"The part that stands out {verb} {at(subject.place)}, near {subject.x}% of the width and {subject.y}% of the "
        f"height, and takes {word_for(SHARES, subject.area)} of the frame ({percent(subject.area)}).",
        f"It is {mark}{compared(subject.lightness_gap)} its surroundings, where {subject.ground} is the commonest "
        f"shade ({percent(subject.ground_percent)}).",
    )


def _rest(m: Measurements, w: Wording) -> str:
    side = m.light.brighter_side
    light = f"the {HALVES[side]} is the brighter one" if side else "light is balanced between opposite halves"
    if m.texture.is_blank:
        detail = "hardly present at all"
    elif m.texture.is_even:
        detail = "even from edge to edge"
    else:
        detail = f"richest {at(m.texture.busiest)}"
    return paragraph(
        f"{light}; the texture is {word_for(FINENESS, m.texture.sharpness)}, its detail {detail}.",
        "Here and there small spots are far brighter than all else." if m.light.has_lights else "",
        *tell_layout(m.layout)[:1],
        w.pick(
            "What is depicted cannot be told from such measurements.",
            "This is how the picture is built; what it shows, measurements alone do not reveal.",
        ),
    )
