"""How the observer thinks: a first impression, a walk over the picture, questions, and the weighing of answers."""

from __future__ import annotations

from pipeline.engines.pixels.facts import Cell, Colours, Layout, Light, Measurements, Subject, Texture
from pipeline.engines.pixels.phrases import (
    COLOURFULNESS,
    CONTRAST,
    FINENESS,
    HALVES,
    LIGHTNESS,
    Wording,
    at,
    compared,
    join_words,
    paragraph,
    percent,
    plural,
    word_for,
)

_SHAPES = {
    "landscape": "a broad rectangle",
    "portrait": "an upright rectangle in portrait format",
    "square": "a square",
}
_COURSES = {
    "vertical": "Uprights prevail",
    "horizontal": "Level lines prevail",
    "rising": "Lines that climb to the right prevail",
    "falling": "Lines that drop to the right prevail",
}
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
    verb = "holds" if lead.name in {"black", "white"} else "hold"
    return paragraph(
        opening,
        f"{_SHAPES[m.frame.shape]} of {m.frame.width} by {m.frame.height} pixels, {word_for(LIGHTNESS, m.light.mean)} "
        f"(mean lightness {m.light.mean} of 100), in which {plural(lead.name)} {verb} {percent(lead.percent)} of the "
        "pixels.",
        w.pick(
            "That is a guess at the whole; the parts may correct it.",
            "So much for the whole. It says nothing yet of where things are.",
        ),
    )


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
    if split is None or not split.is_telling:
        return ""
    parts, side = (
        ("an upper and a lower part", "height")
        if split.direction == "horizontal"
        else ("a left and a right part", "width")
    )
    degree = "Largely" if split.explained >= 50 else "In part"
    return (
        f"Does it fall into {parts}? {degree}: one straight cut at {split.position}% of the {side} accounts for "
        f"{split.explained}% of all variation."
    )


def _stop(m: Measurements, w: Wording) -> str:
    subject = m.subject
    question = w.pick("Does the walk want to stop somewhere?", "Is there a place that holds the eye?")
    if subject is None:
        return f"{question} No: nothing differs enough from the rest."
    if subject.certainty == "scattered":
        reason = (
            f"My two ways of looking end {subject.disagreement}% of a side apart"
            if subject.agreement == "none"
            else f"What differs from its surroundings lies scattered over {percent(subject.area)} of the frame"
        )
        return paragraph(
            question,
            f"I find no one place. {reason}.",
            w.pick("I would rather admit this than invent a centre.", "Better no subject than an invented one."),
            f"If anything unites it, it is {subject.mark} ({subject.mark_percent}% there, "
            f"{percent(subject.mark_elsewhere)} elsewhere)."
            if subject.is_marked
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
    if subject.agreement == "rough":
        return w.pick(
            f"It seems so, {where}, although two ways of looking for it end {apart} apart.",
            f"Probably, {where}; two ways of looking for it leave {apart} between them.",
        )
    return w.pick(
        f"It seems so, {where}. Two ways of looking for it end only {apart} apart, yet mark something loose or large.",
        f"Probably, {where}: two ways of looking for it end within {apart}, but mark something loose or large.",
    )


def _character(subject: Subject) -> str:
    size = f"The patch is {percent(subject.area)} of the frame and {compared(subject.lightness_gap)} what surrounds it"
    figures = f"({subject.lightness} to {subject.ground_lightness})"
    if not subject.is_marked:
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
    doubt = f"the densest detail lies elsewhere, {at(m.texture.busiest)}" if m.witnesses.detail is False else ""
    if reasons and doubt:
        return f"In favour: {join_words(reasons)}. Against: {doubt}."
    if reasons:
        return f"In favour: {join_words(reasons)}. Against it I find nothing."
    return f"Nothing else speaks for it, and {doubt}." if doubt else "Nothing else speaks for it or against it."


def _direction(light: Light, w: Wording) -> str:
    question = w.pick("How does the light fall?", "Which way does brightness lean?")
    if light.is_flat:
        return f"{question} No way at all: nearly every pixel is as light as the next, so there is no contrast either."
    halves = (
        f"From left to right lightness goes from {light.left} to {light.right}, from top to bottom from {light.top} to "
        f"{light.bottom}"
    )
    side = light.brighter_side
    verdict = f"the {HALVES[side]} is the bright one" if side else "no half is favoured"
    centre = ""
    if abs(light.centre_gap) >= 10:
        centre = (
            f"The centre is {compared(light.centre_gap)} the rim ({light.centre} to {light.rim}), which "
            f"{'may draw the eye inwards' if light.centre_gap > 0 else 'frames it in brightness'}."
        )
    lights = f"A few points reach {light.brightest}, far above the rest." if light.has_lights else ""
    spread = (
        f"The darkest twentieth of the pixels lies at {light.low} or below, the brightest at {light.high} or above: "
        f"{word_for(CONTRAST, light.range)} contrast."
    )
    return paragraph(question, f"{halves}; {verdict}.", centre, spread, lights)


def _company(m: Measurements, w: Wording) -> str:
    colours = m.colours
    question = w.pick("Do the colours keep company?", "What do the colours do together?")
    if m.is_grey:
        tones = join_words(shade.name for shade in colours.shades[:4])
        return paragraph(
            question,
            f"There are none: {colours.neutral}% of the pixels are neutral.",
            f"What remains is a scale of tones, {tones}; whether the scene was grey or the picture was made so, I "
            "cannot know.",
        )
    shares = f"{percent(colours.neutral)} of the pixels are neutral, {percent(colours.warm)} warm"
    return paragraph(
        question,
        f"{shares}, {percent(colours.cool)} cool.",
        _mood_of(colours),
        _opposites(colours),
        f"Hasler and Süsstrunk's index stands at {colours.colourfulness}: "
        f"{word_for(COLOURFULNESS, colours.colourfulness)}.",
    )


def _mood_of(colours: Colours) -> str:
    if colours.neutral >= 70:
        return "So greys, black or white carry it, and hue is an accent."
    return {
        "warm": "Where there is hue, warmth has the upper hand.",
        "cool": "Where there is hue, coolness has the upper hand.",
        "mixed": "Warm and cool share it, and may tell its parts from one another.",
        "faint": "Most hue lies between warm and cool, with the greens and the purples.",
    }[colours.lean]


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
    return (
        f"The widest pair among the larger shades is {pair.first} and {pair.second}, {pair.degrees} degrees apart: "
        f"{relation}."
    )


def _surface(texture: Texture, w: Wording) -> str:
    question = w.pick("How busy is the surface?", "Is it a restless surface or a calm one?")
    if texture.smooth >= 60:
        verdict = f"Calm, mostly: {texture.smooth}% of the pixels hardly differ from their neighbours."
    elif texture.edges >= 20:
        verdict = f"Restless: at {texture.edges}% of the pixels lightness jumps."
    else:
        smooth, edges = percent(texture.smooth), percent(texture.edges)
        verdict = f"In between: {smooth} of the pixels are smooth, {edges} lie on sharp steps."
    if texture.is_blank:
        spread = "Nowhere is there detail worth comparing."
    elif texture.is_even:
        spread = "The detail is spread evenly over all nine fields, more like a material than like a scene."
    else:
        spread = f"Detail thickens {at(texture.busiest)} and thins out {at(texture.calmest)}."
    fineness = (
        f"With a Laplacian variance of {texture.sharpness}, I call the texture {word_for(FINENESS, texture.sharpness)}."
    )
    return paragraph(question, verdict, spread, fineness, tell_strokes(texture))


def tell_strokes(texture: Texture) -> str:
    """A sentence on the leading direction of edges, where one leads."""
    lines = texture.lines
    if lines is None or lines.leading is None:
        return ""
    return f"{_COURSES[lines.leading]}, with {getattr(lines, lines.leading)}% of all edge strength."


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
