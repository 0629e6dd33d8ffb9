"""What the observer answers: what catches the eye, then its surroundings, then the mood."""

from __future__ import annotations

from pipeline.engines.pixels.facts import Cell, Colours, Measurements, Subject
from pipeline.engines.pixels.phrases import (
    COLOURFULNESS,
    CONTRAST,
    HALVES,
    LIGHTNESS,
    SHARES,
    Wording,
    at,
    compared,
    join_words,
    list_families,
    paragraph,
    with_article,
    word_for,
)
from pipeline.engines.pixels.voices.observer_thinking import tell_strokes


def answer(m: Measurements, w: Wording) -> str:
    """Describe the picture in about 120 words."""
    return "\n\n".join((_subject(m.subject, w), _surroundings(m, w), _mood(m, w)))


def _subject(subject: Subject | None, w: Wording) -> str:
    if subject is None:
        return "There is nothing here to hold the eye: the picture is all but uniform."
    if subject.certainty == "scattered":
        verdict = w.pick(
            "No one thing claims the eye in this picture; whatever differs from its surroundings is scattered over it.",
            "The eye finds no resting place here, for what might attract it is scattered over the frame.",
        )
        return paragraph(verdict, f"What recurs in it is {subject.mark}." if subject.is_marked else "")
    opening = (
        w.pick("The eye goes straight to a patch", "What catches the eye is a patch")
        if subject.certainty == "clear"
        else w.pick("The eye seems to be drawn to a patch", "What catches the eye is probably a patch")
    )
    mark = ""
    if subject.is_marked:
        rarity = "hardly" if subject.mark_elsewhere <= 2 else "less often"
        mark = f"told by its {subject.mark}, which is {rarity} found elsewhere, and is "
    ground = f", {with_article(subject.ground)} ground above all" if subject.ground_percent >= 40 else ""
    return paragraph(
        f"{opening} {at(subject.place)}, {word_for(SHARES, subject.area)} of the frame in size.",
        f"It is {mark}{compared(subject.lightness_gap)} what surrounds it{ground}.",
    )


def _surroundings(m: Measurements, w: Wording) -> str:
    cells = m.layout.cells
    if len({cell.shade for cell in cells}) == 1:
        rows = f"Everywhere the commonest shade is {cells[0].shade}."
    else:
        top, middle, bottom = (_band(cells[start : start + 3]) for start in (0, 3, 6))
        rows = w.pick(
            f"From top to bottom, the upper third is mainly {top}, the middle {middle}, and the lower third {bottom}.",
            f"At the top there is mainly {top}, in the middle {middle}, at the bottom {bottom}.",
        )
    if m.texture.is_blank:
        detail = "There is no detail to speak of."
    elif m.texture.is_even:
        detail = "Detail is spread evenly."
    else:
        detail = f"Most detail lies {at(m.texture.busiest)}, least {at(m.texture.calmest)}."
    lightest, darkest = (choose(cells, key=lambda cell: cell.lightness) for choose in (max, min))
    light = (
        f"It is lightest {at(lightest.place)} and darkest {at(darkest.place)}."
        if lightest.lightness - darkest.lightness >= 5
        else ""
    )
    return paragraph(rows, light, detail, tell_strokes(m.texture))


def _band(cells: tuple[Cell, ...]) -> str:
    return join_words(dict.fromkeys(cell.shade for cell in cells))


def _mood(m: Measurements, w: Wording) -> str:
    side = m.light.brighter_side
    balance = f"brighter in its {HALVES[side]}" if side else "balanced between its halves"
    return paragraph(
        f"The whole is {word_for(LIGHTNESS, m.light.mean)}, of {word_for(CONTRAST, m.light.range)} contrast, and "
        f"{balance}.",
        "A few small points are far brighter than all the rest." if m.light.has_lights else "",
        f"It has no colour, only {join_words(shade.name for shade in m.colours.shades[:4])}."
        if m.is_grey
        else _palette(m.colours),
        w.pick(
            "What the things in it are, I could not say from light and colour alone.",
            "This much can be read from light and colour; the names of things cannot.",
        ),
    )


def _palette(colours: Colours) -> str:
    lean = {
        "warm": "Its hues are warm",
        "cool": "Its hues are cool",
        "mixed": "Its hues are both warm and cool",
        "faint": "Clear hues are rare in it",
    }[colours.lean]
    return (
        f"{lean}, and taken together its colours are {word_for(COLOURFULNESS, colours.colourfulness)}; "
        f"{list_families(colours.families[:3])} take most of the room."
    )
