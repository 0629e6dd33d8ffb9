"""How the surveyor thinks: one quantity after another, what follows from each, and what may be claimed in the end."""

from __future__ import annotations

from pipeline.engines.pixels.facts import Colours, Frame, Layout, Light, Measurements, Shade, Subject, Texture
from pipeline.engines.pixels.phrases import (
    COLOURFULNESS,
    CONTRAST,
    FINENESS,
    HALVES,
    LIGHTNESS,
    OPPOSITE,
    Wording,
    at,
    compared,
    list_families,
    list_shades,
    paragraph,
    percent,
    plural,
    with_article,
    word_for,
)

_SHAPES = {
    "landscape": "wider than tall, a landscape format",
    "portrait": "taller than wide, an upright portrait format",
    "square": "a square",
}
_COURSES = {
    "vertical": "runs upright",
    "horizontal": "runs level",
    "rising": "rises towards the right",
    "falling": "falls towards the right",
}


def think(m: Measurements, w: Wording) -> str:
    """Reason in six steps and a conclusion, in about 350 words."""
    steps = (
        paragraph(_opening(w), _frame(m.frame, w)),
        _light(m.light, w),
        _greys(m.colours, w) if m.is_grey else _colours(m.colours, w),
        _subject(m, w),
        _texture(m, w),
        _layout(m.layout, w),
        _conclusion(m, w),
    )
    return "\n\n".join(steps)


def _opening(w: Wording) -> str:
    return w.pick(
        "I cannot recognise things here, I can only measure; so I take one quantity at a time and ask what it allows.",
        "Let me measure before I describe, in six steps: frame, light, colour, subject, texture, layout.",
        "All I have is a grid of pixels. I will question it step by step and keep what is measured apart from what is "
        "guessed.",
    )


def _frame(frame: Frame, w: Wording) -> str:
    size = f"First, the frame: {frame.width} by {frame.height} pixels, {_SHAPES[frame.shape]}"
    if frame.shape == "square":
        return f"{size}, so neither direction is favoured from the start."
    if frame.ratio is None:
        return f"{size} whose sides follow no customary ratio."
    return size + w.pick(f" with sides close to {frame.ratio}.", f" in the ratio {frame.ratio}, or very nearly.")


def _light(light: Light, w: Wording) -> str:
    level = w.pick(
        f"Second, the light. From black at 0 to white at 100, mean lightness is {light.mean}: "
        f"{word_for(LIGHTNESS, light.mean)} on the whole.",
        f"Second, the light. Mean lightness is {light.mean} on a scale of 100, so the picture is "
        f"{word_for(LIGHTNESS, light.mean)} taken all together.",
    )
    if light.is_flat:
        return paragraph(level, "Nearly every pixel shares this value, so there is neither contrast nor a bright side.")
    contrast = w.pick(
        f"Nine tenths of the pixels fall between {light.low} and {light.high}, a range of {light.range}, which makes "
        f"for {word_for(CONTRAST, light.range)} contrast.",
        f"Leaving out the extremes, pixels range from {light.low} to {light.high}; these {light.range} units mean "
        f"{word_for(CONTRAST, light.range)} contrast.",
    )
    lights = (
        f"Yet the brightest pixels reach {light.brightest}: small bright spots in a darker field."
        if light.has_lights
        else ""
    )
    return paragraph(level, contrast, _extremes(light), lights, _halves(light, w))


def _extremes(light: Light) -> str:
    if light.shadows >= 50:
        return f"Deep shadow alone takes {light.shadows}%, so this is a low-key picture."
    if light.highlights >= 40:
        return f"Near-white alone takes {light.highlights}%, so this is a high-key picture."
    if light.shadows >= 15 and light.highlights >= 10:
        return f"Both ends are in use, with {light.shadows}% deep shadow and {light.highlights}% near-white."
    ends = f"{percent(light.shadows)} deep shadow against {percent(light.highlights)} near-white"
    if light.shadows >= 15:
        return f"The weight is at the dark end, {ends}."
    if light.highlights >= 10:
        return f"The weight is at the light end, {ends}."
    return "Neither deep shadow nor near-white takes much room, so the tones keep to the middle of the scale."


def _halves(light: Light, w: Wording) -> str:
    side = light.brighter_side
    if side is None:
        return f"Opposite halves are within {light.side_gap} of each other, so the light has no side to come from."
    gap = (
        f"The {HALVES[side]} is brighter than the {HALVES[OPPOSITE[side]]}, "
        f"{getattr(light, side)} against {getattr(light, OPPOSITE[side])}"
    )
    return w.pick(
        f"{gap}; light may fall from there, or paler things may lie there.",
        f"{gap}, which tells where brightness gathers, not why.",
    )


def _greys(colours: Colours, w: Wording) -> str:
    return paragraph(
        w.pick("Third, colour, or rather its absence:", "Third, colour, of which there is none to speak of:")
        + f" {colours.neutral}% of the pixels have no hue to be trusted, and the colourfulness index is "
        f"{colours.colourfulness}.",
        f"The tones are {list_shades(colours.shades)}.",
        "It may be a black-and-white picture or a scene that happened to be grey; pixels cannot tell these apart.",
    )


def _colours(colours: Colours, w: Wording) -> str:
    families = list_families(colours.families[:4])
    return paragraph(
        w.pick(
            f"Third, colour. Sorted under basic colours, the pixels come out as {families}.",
            f"Third, colour. I sort every pixel under a basic colour and get {families}.",
        ),
        _finer_names(colours.shades, w),
        _home(colours.shades, w),
        f"The colourfulness index of Hasler and Süsstrunk is {colours.colourfulness}, "
        f"{word_for(COLOURFULNESS, colours.colourfulness)}.",
        _temperature(colours),
        _harmony(colours),
    )


def _finer_names(shades: tuple[Shade, ...], w: Wording) -> str:
    if len(shades) == 1:
        return f"By finer names nearly all of it is {shades[0].name}."
    listed = list_shades(shades[:3])
    return w.pick(f"By finer names the largest are {listed}.", f"In finer terms, {listed} come first.")


def _home(shades: tuple[Shade, ...], w: Wording) -> str:
    gathered = [shade for shade in shades[:4] if shade.home]
    if not gathered:
        return ""
    shade = max(gathered, key=lambda candidate: candidate.at_home)
    assert shade.home
    return w.pick(
        f"The {shade.name} is not spread evenly: {shade.at_home}% of it lies {at(shade.home)}.",
        f"Of the {shade.name}, {shade.at_home}% gathers {at(shade.home)}.",
    )


def _temperature(colours: Colours) -> str:
    figures = f"warm hues hold {percent(colours.warm)} of the picture and cool ones {percent(colours.cool)}"
    if colours.lean == "faint":
        return f"Hues that are clearly warm or cool are rare: {figures}."
    if colours.lean == "mixed":
        return f"{figures}; neither wins outright."
    return f"{figures}, so {'the palette' if colours.neutral < 40 else 'what hue there is'} leans {colours.lean}."


def _harmony(colours: Colours) -> str:
    pair = colours.hue_pair
    if pair is None:
        return ""
    if pair.degrees >= 130:
        return (
            f"On the hue circle {pair.first} and {pair.second} stand {pair.degrees} degrees apart, nearly opposite, so "
            "each should strengthen the other."
        )
    if pair.degrees <= 45:
        return (
            f"The hues of its larger shades differ by {pair.degrees} degrees at most, {pair.first} and {pair.second} "
            "being the extremes: related tones."
        )
    return ""


def _subject(m: Measurements, w: Wording) -> str:
    subject = m.subject
    if subject is None:
        return (
            "Fourth, the subject. At a coarse scale nothing changes enough to stand out from the rest, so there is no "
            "place that I could point to."
        )
    method = w.pick(
        "Fourth, the subject. Two measures say where the eye might go: to what the spectrum does not foretell, and to "
        "what is unlike the borders.",
        "Fourth, the subject. Two measures may find it: surprise in the spectrum, and contrast against the borders.",
    )
    apart = f"Their centres lie {percent(subject.disagreement)} of a side apart"
    if subject.certainty == "scattered":
        finding = (
            f"{apart}: they contradict each other."
            if subject.agreement == "none"
            else f"{apart}, but what they mark lies scattered over {percent(subject.area)} of the frame."
        )
        caution = "I had better not name one place: interest is spread over the picture, or my measures miss it."
        return paragraph(method, finding, caution, tell_mark(subject))
    centre = f"{subject.x}% of the width from the left and {subject.y}% of the height from the top, {at(subject.place)}"
    if subject.certainty == "clear":
        verdict = f"{apart}, so I trust them: something stands out around {centre}."
    else:
        caution = (
            "near enough for a cautious claim"
            if subject.agreement == "rough"
            else "though what they mark is loose or large"
        )
        verdict = f"{apart}, {caution}: the subject seems to lie around {centre}."
    return paragraph(method, verdict, tell_mark(subject), _against_ground(subject), _focus(subject), _support(m))


def tell_mark(subject: Subject) -> str:
    """The sentence on the shade that sets the subject off, where one does."""
    if not subject.is_marked:
        return ""
    where = "these places" if subject.certainty == "scattered" else "this part"
    return (
        f"What sets {where} off is {subject.mark}, {subject.mark_percent}% here against "
        f"{percent(subject.mark_elsewhere)} elsewhere."
    )


def _against_ground(subject: Subject) -> str:
    figures = f"({subject.lightness} against {subject.ground_lightness})"
    rest = f", which is mostly {subject.ground}" if subject.ground_percent >= 50 else ""
    return f"It is {compared(subject.lightness_gap)} the rest {figures}{rest}."


def _focus(subject: Subject) -> str:
    if subject.detail >= 20:
        return "Nearly all detail is in it, and the rest is all but blank."
    if subject.detail >= 2:
        return (
            f"It holds {subject.detail} times the detail of the rest: perhaps a shallow depth of field, perhaps only a "
            "plain ground."
        )
    if subject.detail <= 0.7:
        return f"It holds only {subject.detail} times the detail of the rest: a calm shape in busier surroundings."
    return ""


def _support(m: Measurements) -> str:
    assert m.subject
    if m.subject.area >= 60:
        return f"At {percent(m.subject.area)} of the frame it is nearly the picture itself, so its centre says little."
    if m.witnesses.colour:
        return "The count of colours bears this out, for the same shade was found to gather there."
    return ""


def _texture(m: Measurements, w: Wording) -> str:
    texture = m.texture
    counts = (
        f"Fifth, texture. Lightness steps sharply at {percent(texture.edges)} of the pixels and is smooth at "
        f"{percent(texture.smooth)}; the variance of the Laplacian, {texture.sharpness}, is that of "
        f"{with_article(word_for(FINENESS, texture.sharpness))} texture at this size."
    )
    if texture.is_blank:
        where = "There is so little detail that comparing regions would mean nothing."
    elif texture.is_even:
        where = w.pick(
            "It is much alike in all nine cells of a grid, so this may be one surface rather than a scene with parts.",
            "No cell of a three by three grid stands out by it: the detail runs evenly from edge to edge.",
        )
    else:
        where = (
            f"Detail is richest {at(texture.busiest)} ({texture.most_detail} per pixel) and poorest "
            f"{at(texture.calmest)} ({texture.least_detail}){_bearing(m)}."
        )
    return paragraph(counts, where, _lines(texture))


def _bearing(m: Measurements) -> str:
    if m.subject is None or m.subject.certainty == "scattered":
        return ""
    return ", which bears out the fourth step" if m.witnesses.detail else ", which does not support the fourth step"


def _lines(texture: Texture) -> str:
    lines = texture.lines
    if lines is None:
        return ""
    if lines.leading is None:
        return "Edges take no common course."
    return f"Edges have a main course: {getattr(lines, lines.leading)}% of their strength {_COURSES[lines.leading]}."


def _layout(layout: Layout, w: Wording) -> str:
    nothing = "I try a straight cut, a plain rim and mirror symmetry, and none of them explains much."
    return paragraph(w.pick("Sixth, the layout.", "Sixth and last, the layout."), *(tell_layout(layout) or [nothing]))


def tell_layout(layout: Layout) -> list[str]:
    """What can be said of the division, strongest first: a sentence each on cut, rim and symmetry where it applies."""
    return [text for text in (_split(layout), _rim(layout), _mirror(layout)) if text]


def _split(layout: Layout) -> str:
    split = layout.split
    if split is None or not split.is_telling:
        return ""
    cut, side, parts = (
        ("A level cut", "height", ("above", "below"))
        if split.direction == "horizontal"
        else ("An upright cut", "width", ("on the left", "on the right"))
    )
    finding = f"{cut} at {split.position}% of the {side} explains {split.explained}% of the variation"
    if split.first == split.second:
        return f"{finding}, a matter of light rather than colour, for {split.first} leads on both sides."
    return f"{finding}: {split.first} leads {parts[0]}, {split.second} {parts[1]}."


def _rim(layout: Layout) -> str:
    if layout.rim_percent < 60:
        return ""
    return f"The rim is {layout.rim_percent}% {layout.rim_shade}, as it would be before a plain ground."


def _mirror(layout: Layout) -> str:
    if layout.mirror is None or layout.mirror < 0.4:
        return ""
    degree = "comes close to its mirror image" if layout.mirror >= 0.75 else "resembles its mirror image in part"
    return f"From left to right the picture {degree} (correlation {layout.mirror})."


def _conclusion(m: Measurements, w: Wording) -> str:
    colour = "the absence of colour" if m.is_grey else f"the lead of {plural(m.colours.families[0].name)}"
    place = {
        None: "that nothing stands out",
        "clear": "the place of what stands out",
        "likely": "with some caution the place of what stands out",
        "scattered": "that no one place could be singled out",
    }[m.subject.certainty if m.subject else None]
    return w.pick(
        f"So I may state the light, {colour}, and {place}. What the things are I must leave open.",
        f"What can I rely on? The light, {colour}, and {place}. What it all means is not among the measurements.",
    )
