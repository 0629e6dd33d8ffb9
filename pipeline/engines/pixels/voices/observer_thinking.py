"""The observer: starts from a first impression, walks over the picture, asks questions, and weighs the answers."""

from __future__ import annotations

from pipeline.engines.pixels.facts import Cell, Colours, Layout, Light, Measurements, Subject, Texture
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
    paragraph,
    percent,
    plural,
    with_article,
    word_for,
)

_WALK = ("Along the top", "Across the middle", "Along the bottom")


def think(m: Measurements, w: Wording) -> str:
    """Look, walk, ask and doubt, in about 350 words."""
    steps = (
        _impression(m, w),
        _walk(m.layout, w),
        _stop(m, w),
        _direction(m.light, w),
        _company(m, w),
        _surface(m.texture, w),
        _doubts(m, w),
    )
    return "\n\n".join(steps)


def _impression(m: Measurements, w: Wording) -> str:
    lead = m.colours.families[0]
    opening = w.pick(
        "If I half close my eyes, what is left?",
        "Before any detail, what is the first impression?",
        "What would someone see who looked for only a moment?",
    )
    shape = {
        "landscape": "a broad rectangle",
        "portrait": "an upright rectangle, a portrait format",
        "square": "a square",
    }[m.frame.shape]
    return paragraph(
        opening,
        f"{shape} of {m.frame.width} by {m.frame.height} pixels, {word_for(LIGHTNESS, m.light.mean)} "
        f"(mean lightness {m.light.mean} of 100), in which {plural(lead.name)} {_hold(lead.name)} {percent(lead.percent)} of the pixels.",
        w.pick(
            "That is a guess at the whole; the parts may correct it.",
            "So much for the whole. It says nothing yet of where things are.",
        ),
    )


def _hold(family: str) -> str:
    return "holds" if family in {"black", "white"} else "hold"


def _walk(layout: Layout, w: Wording) -> str:
    cells = layout.cells
    names = {cell.shade for cell in cells}
    lightest, darkest = max(cells, key=lambda cell: cell.lightness), min(cells, key=lambda cell: cell.lightness)
    opening = w.pick(
        "I let the eye walk over nine fields, three by three, and note the commonest shade of each.",
        "Now a walk in three rows of three fields, with the commonest shade of each.",
    )
    extremes = (
        f"The lightest field is {at(lightest.place)} ({lightest.lightness}), the darkest {at(darkest.place)} "
        f"({darkest.lightness})."
        if lightest.lightness - darkest.lightness >= 5
        else "In lightness the nine are within a few units of each other."
    )
    if len(names) == 1:
        return paragraph(opening, f"It is {cells[0].shade} everywhere, so the walk teaches me little.", extremes)
    rows = (f"{start} {_row(cells[3 * index : 3 * index + 3])}." for index, start in enumerate(_WALK))
    return paragraph(opening, *rows, extremes, _division(layout))


def _row(cells: tuple[Cell, ...]) -> str:
    left, middle, right = (cell.shade for cell in cells)
    if left == middle == right:
        return f"it is {left} throughout"
    if left == middle:
        return f"I meet {left} as far as the middle, then {right}"
    if middle == right:
        return f"I meet {left}, then {right} from the middle on"
    if left == right:
        return f"I meet {left} on both sides and {middle} between them"
    return f"I meet {left}, {middle} and {right}"


def _division(layout: Layout) -> str:
    split = layout.split
    if split is None or split.explained < 25:
        return ""
    parts = (
        ("an upper and a lower part", "height")
        if split.direction == "horizontal"
        else ("a left and a right part", "width")
    )
    return (
        f"Does it fall into {parts[0]}? Largely: one straight cut at {split.position}% of the {parts[1]} accounts for "
        f"{split.explained}% of all variation."
    )


def _stop(m: Measurements, w: Wording) -> str:
    subject = m.subject
    question = w.pick("Does the walk want to stop somewhere?", "Is there a place that holds the eye?")
    if subject is None:
        return f"{question} There is none: nothing differs enough from the rest."
    if subject.certainty == "scattered":
        return paragraph(
            question,
            f"I find no one place. What differs from its surroundings makes up {subject.area}% of the frame, but lies "
            "scattered, or my two ways of looking point apart.",
            w.pick("I would rather admit this than invent a centre.", "Better no subject than an invented one."),
            f"If anything unites it, it is {subject.mark} ({subject.mark_percent}% there, "
            f"{percent(subject.mark_elsewhere)} elsewhere)."
            if subject.mark_percent - subject.mark_elsewhere >= 6
            else "",
        )
    return paragraph(question, _claim(subject, w), _character(subject), _for_and_against(m))


def _claim(subject: Subject, w: Wording) -> str:
    where = f"{at(subject.place)}, some {subject.x}% across and {subject.y}% down"
    apart = f"{percent(subject.disagreement)} of a side"
    if subject.certainty == "clear":
        return w.pick(
            f"Yes, and plainly: {where}. Two ways of looking for it end {apart} apart.",
            f"Yes, {where}; two ways of looking for it end only {apart} apart.",
        )
    if subject.is_disputed:
        return w.pick(
            f"It seems so, {where}, although two ways of looking for it end {apart} apart.",
            f"Probably, {where}; two ways of looking for it leave {apart} between them.",
        )
    return w.pick(
        f"It seems so, {where}. Two ways of looking for it end only {apart} apart, yet what they mark is loose or large.",
        f"Probably, {where}: two ways of looking for it meet within {apart}, though what they mark is loose or large.",
    )


def _character(subject: Subject) -> str:
    size = f"The patch is {subject.area}% of the frame and {compared(subject.lightness_gap)} what surrounds it"
    figures = f"({subject.lightness} to {subject.ground_lightness})"
    if subject.mark_percent - subject.mark_elsewhere < 6:
        return f"{size} {figures}, with no shade all its own."
    return (
        f"{size} {figures}; {subject.mark} gives it away, with {subject.mark_percent}% inside and "
        f"{percent(subject.mark_elsewhere)} outside."
    )


def _for_and_against(m: Measurements) -> str:
    subject = m.subject
    assert subject
    if subject.area >= 60:
        return "Being so large, it is less a patch than the picture itself."
    reasons = []
    if m.witnesses.detail:
        reasons.append("detail is densest in that very field")
    if m.witnesses.colour:
        reasons.append("its shade was seen to gather there")
    if subject.detail >= 2:
        reasons.append("it is much richer in detail than its surroundings, as with a near thing in focus")
    doubt = "" if m.witnesses.detail else f"the densest detail lies elsewhere, {at(m.texture.busiest)}"
    if reasons and doubt:
        return f"In favour: {join_words(reasons)}. Against: {doubt}."
    if reasons:
        return f"In favour: {join_words(reasons)}. Against it I find nothing."
    return f"Nothing else speaks for it, and {doubt}."


def _direction(light: Light, w: Wording) -> str:
    halves = f"From left to right lightness goes from {light.left} to {light.right}, from top to bottom from {light.top} to {light.bottom}"
    side = light.brighter_side
    verdict = f"the {HALVES[side]} is the bright one" if side else "no half is favoured"
    centre = ""
    if abs(light.centre_gap) >= 10:
        centre = (
            f"The centre is {compared(light.centre_gap)} the rim ({light.centre} to {light.rim}), which "
            f"{'draws the eye inwards' if light.centre_gap > 0 else 'frames it in brightness'}."
        )
    lights = f"A few points reach {light.brightest}, far above the rest." if light.has_lights else ""
    spread = (
        f"The darkest twentieth of the pixels lies at {light.low} or below, the brightest at {light.high} or above: "
        f"{word_for(CONTRAST, light.range)} contrast."
    )
    question = w.pick("How does the light fall?", "Which way does brightness lean?")
    return paragraph(question, f"{halves}; {verdict}.", centre, spread, lights)


def _company(m: Measurements, w: Wording) -> str:
    colours = m.colours
    question = w.pick("Do the colours keep company?", "What do the colours do together?")
    if m.is_grey:
        return paragraph(
            question,
            f"There are none: {colours.neutral}% of the pixels are neutral.",
            f"What remains is a scale of tones, {join_words(shade.name for shade in colours.shades[:4])}, and whether the "
            "scene was grey or the picture was made so, I cannot know.",
        )
    return paragraph(
        question,
        f"{percent(colours.neutral)} of the pixels are neutral, {percent(colours.warm)} warm, {percent(colours.cool)} cool.",
        _mood_of(colours),
        _opposites(colours),
        f"Hasler and Süsstrunk's index stands at {colours.colourfulness}: {word_for(COLOURFULNESS, colours.colourfulness)}.",
    )


def _mood_of(colours: Colours) -> str:
    if colours.neutral >= 70:
        return "So greys, black or white carry it, and hue is an accent."
    if colours.warm >= 3 * colours.cool:
        return "Warmth has it all its own way."
    if colours.cool >= 3 * colours.warm:
        return "Coolness has it all its own way."
    return "Warm and cool share it, and may tell its parts from one another."


def _opposites(colours: Colours) -> str:
    pair = colours.hue_pair
    if pair is None:
        return ""
    relation = (
        "nearly opposites"
        if pair.degrees >= 130
        else "near relations"
        if pair.degrees <= 45
        else "neither kin nor opposites"
    )
    return f"The widest pair among the larger shades is {pair.first} and {pair.second}, {pair.degrees} degrees apart: {relation}."


def _surface(texture: Texture, w: Wording) -> str:
    question = w.pick("How busy is the surface?", "Is it a restless surface or a calm one?")
    if texture.smooth >= 60:
        verdict = f"Calm, mostly: {texture.smooth}% of the pixels hardly differ from their neighbours."
    elif texture.edges >= 20:
        verdict = f"Restless: at {texture.edges}% of the pixels lightness jumps."
    else:
        verdict = (
            f"In between: {texture.smooth}% of the pixels are smooth, {percent(texture.edges)} lie on sharp steps."
        )
    spread = (
        "The detail is spread evenly over all nine fields, more like a material than like a scene."
        if texture.is_even
        else f"Detail thickens {at(texture.busiest)} and thins out {at(texture.calmest)}."
        if texture.most_detail >= 0.5
        else "Nowhere is there detail worth comparing."
    )
    fineness = (
        f"With a Laplacian variance of {texture.sharpness}, I call the texture {word_for(FINENESS, texture.sharpness)}."
    )
    return paragraph(question, verdict, spread, fineness, _strokes(texture))


def _strokes(texture: Texture) -> str:
    lines = texture.lines
    if lines is None or lines.leading is None:
        return ""
    course = {
        "vertical": "Uprights prevail",
        "horizontal": "Level lines prevail",
        "rising": "Lines that climb to the right prevail",
        "falling": "Lines that drop to the right prevail",
    }[lines.leading]
    return f"{course}, with {getattr(lines, lines.leading)}% of all edge strength."


def _doubts(m: Measurements, w: Wording) -> str:
    certainty = m.subject.certainty if m.subject else None
    doubt = {
        None: "There is hardly anything to be wrong about",
        "clear": "I am sure where something stands out, not what it is",
        "likely": "I am fairly sure where something stands out, and not at all what it is",
        "scattered": "I am sure of light and colour, not of any subject",
    }[certainty]
    return w.pick(
        f"What am I unsure of? {doubt}. I will keep to light, colour and place.",
        f"{doubt}. Names of things would be invention, so I leave them out.",
    )
