"""Every sentence of the voices that holds a number, and what that number must be.

``check_claims`` takes a text apart by these patterns; a number that none of them accounts for is an error too.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pipeline.engines.pixels import Measurements
from pipeline.engines.pixels.facts import HuePair, Lines, Split, Subject

Claim = tuple[str, Callable[[Measurements], tuple[object, ...]]]

NUMBER = r"(-?\d+(?:\.\d+)?)"
SHARE = r"(\d+%|less than half a percent)"
SHADE = r"([a-z][a-z -]*)"


def share(percent: int) -> str:
    return f"{percent}%" if percent else "less than half a percent"


def check_claims(m: Measurements, text: str) -> None:
    for pattern, expected in CLAIMS:
        for match in re.finditer(pattern, text):
            groups = tuple(group.lower() for group in match.groups())
            assert groups == tuple(map(str, expected(m))), match[0]
        text = re.sub(pattern, "#", text)
    listed = shares_by_name(m)
    for match in re.finditer(rf"\({SHARE}\)", text):
        before = text[: match.start()].lower()
        assert any(before.endswith(f" {name} ") and match[1] in listed[name] for name in listed), (
            before[-30:] + match[0]
        )
    rest = re.sub(rf"\({SHARE}\)", "", text)
    assert not re.search(r".{0,40}\d.{0,40}", rest), re.search(r".{0,40}\d.{0,40}", rest)


def shares_by_name(m: Measurements) -> dict[str, set[str]]:
    """What may stand in a list as ``rust (27%)`` or ``browns (48%)``: a family may be called as one of its shades."""
    listed: dict[str, set[str]] = {}
    for shade in m.colours.shades:
        listed.setdefault(shade.name, set()).add(share(shade.percent))
    for family in m.colours.families:
        for name in (family.name, f"{family.name}s"):
            listed.setdefault(name, set()).add(share(family.percent))
    return listed


def subject(m: Measurements) -> Subject:
    assert m.subject
    return m.subject


def pair(m: Measurements) -> HuePair:
    assert m.colours.hue_pair
    return m.colours.hue_pair


def split(m: Measurements) -> Split:
    assert m.layout.split
    return m.layout.split


def lines(m: Measurements) -> Lines:
    assert m.texture.lines
    return m.texture.lines


def brighter_half(m: Measurements) -> tuple[object, ...]:
    light = m.light
    halves = {"left": light.left, "right": light.right, "upper": light.top, "lower": light.bottom}
    opposite = {"left": "right", "right": "left", "upper": "lower", "lower": "upper"}
    side = {"top": "upper", "bottom": "lower"}.get(str(light.brighter_side), str(light.brighter_side))
    return side, opposite[side], halves[side], halves[opposite[side]]


def centre(m: Measurements) -> tuple[object, ...]:
    return subject(m).x, subject(m).y


def area(m: Measurements) -> tuple[object, ...]:
    return (share(subject(m).area),)


def disagreement(m: Measurements) -> tuple[object, ...]:
    return (share(subject(m).disagreement),)


def mark(m: Measurements) -> tuple[object, ...]:
    return subject(m).mark, share(subject(m).mark_percent), share(subject(m).mark_elsewhere)


def against_ground(m: Measurements) -> tuple[object, ...]:
    return subject(m).lightness, subject(m).ground_lightness


def middle_range(m: Measurements) -> tuple[object, ...]:
    return m.light.low, m.light.high, m.light.range


def temperature(m: Measurements) -> tuple[object, ...]:
    return share(m.colours.warm), share(m.colours.cool)


def most_gathered(m: Measurements) -> tuple[object, ...]:
    shade = max(m.colours.shades[:4], key=lambda shade: shade.at_home)
    return shade.name, shade.at_home


def field_extremes(m: Measurements) -> tuple[object, ...]:
    levels = [cell.lightness for cell in m.layout.cells]
    return max(levels), min(levels)


CLAIMS: tuple[Claim, ...] = (
    (rf"{NUMBER} by {NUMBER} pixels", lambda m: (m.frame.width, m.frame.height)),
    (r"(?:close to|in the ratio) (\d+:\d+)", lambda m: (m.frame.ratio,)),
    (r"[Ff]rom black at 0 to white at 100", lambda _: ()),
    (rf"[Mm]ean lightness (?:is )?{NUMBER}(?: on a scale of 100| of 100)?", lambda m: (m.light.mean,)),
    (rf"fall between {NUMBER} and {NUMBER}, a range of {NUMBER}", middle_range),
    (rf"pixels range from {NUMBER} to {NUMBER}; these {NUMBER} units", middle_range),
    (rf"lies at {NUMBER} or below, the brightest at {NUMBER} or above", lambda m: (m.light.low, m.light.high)),
    (rf"(?:brightest pixels|few points) reach {NUMBER}", lambda m: (m.light.brightest,)),
    (rf"Deep shadow alone takes {SHARE}", lambda m: (share(m.light.shadows),)),
    (rf"Near-white alone takes {SHARE}", lambda m: (share(m.light.highlights),)),
    (
        rf"{SHARE} deep shadow (?:and|against) {SHARE} near-white",
        lambda m: (share(m.light.shadows), share(m.light.highlights)),
    ),
    (rf"The (\w+) half is brighter than the (\w+) half, {NUMBER} against {NUMBER}", brighter_half),
    (rf"within {NUMBER} of each other, so the light", lambda m: (m.light.side_gap,)),
    (
        rf"From left to right lightness goes from {NUMBER} to {NUMBER}, from top to bottom from {NUMBER} to {NUMBER}",
        lambda m: (m.light.left, m.light.right, m.light.top, m.light.bottom),
    ),
    (rf"the rim \({NUMBER} to {NUMBER}\)", lambda m: (m.light.centre, m.light.rim)),
    (rf"The {SHADE} is not spread evenly: {NUMBER}% of it lies", most_gathered),
    (rf"Of the {SHADE}, {NUMBER}% gathers", most_gathered),
    (rf"(?i:{SHARE}) of the pixels (?:have no hue|are neutral)", lambda m: (share(m.colours.neutral),)),
    (rf"{SHARE} warm, {SHARE} cool", temperature),
    (rf"arm hues hold {SHARE} of the picture and cool ones {SHARE}", temperature),
    (rf"(?:index of Hasler and Süsstrunk|colourfulness index) is {NUMBER}", lambda m: (m.colours.colourfulness,)),
    (rf"Süsstrunk's index stands at {NUMBER}", lambda m: (m.colours.colourfulness,)),
    (rf"{NUMBER} degrees (?:apart|at most)", lambda m: (pair(m).degrees,)),
    (rf"holds? {SHARE} of the pixels", lambda m: (share(m.colours.families[0].percent),)),
    (rf"(?:centres lie|end|end only|end within|leave) {SHARE} of a side", disagreement),
    (rf"{NUMBER}% of the width from the left and {NUMBER}% of the height from the top", centre),
    (rf"near {NUMBER}% of the width and {NUMBER}% of the height", centre),
    (rf"some {NUMBER}% across and {NUMBER}% down", centre),
    (rf"(?:The patch is|scattered over|At) {SHARE} of the frame", area),
    (rf"of the frame \({SHARE}\)", area),
    (rf"What sets \w+ \w+ off is {SHADE}, {SHARE} here against {SHARE} elsewhere", mark),
    (rf"; {SHADE} gives it away, with {SHARE} inside and {SHARE} outside", mark),
    (rf"anything unites it, it is {SHADE} \({SHARE} there, {SHARE} elsewhere\)", mark),
    (rf"the rest \({NUMBER} against {NUMBER}\)", against_ground),
    (rf"surrounds it \({NUMBER} to {NUMBER}\)", against_ground),
    (
        rf"where {SHADE} is the commonest shade \({SHARE}\)",
        lambda m: (subject(m).ground, share(subject(m).ground_percent)),
    ),
    (rf"It holds (?:only )?{NUMBER} times the detail", lambda m: (subject(m).detail,)),
    (
        rf"steps sharply at {SHARE} of the pixels and is smooth at {SHARE}",
        lambda m: (share(m.texture.edges), share(m.texture.smooth)),
    ),
    (rf"Calm, mostly: {NUMBER}%", lambda m: (m.texture.smooth,)),
    (rf"Restless: at {NUMBER}%", lambda m: (m.texture.edges,)),
    (
        rf"In between: {SHARE} of the pixels are smooth, {SHARE} lie",
        lambda m: (share(m.texture.smooth), share(m.texture.edges)),
    ),
    (rf"(?:variance of the Laplacian,|Laplacian variance of) {NUMBER}", lambda m: (m.texture.sharpness,)),
    (
        rf"\({NUMBER} per pixel\) and poorest [\w -]+ \({NUMBER}\)",
        lambda m: (m.texture.most_detail, m.texture.least_detail),
    ),
    (
        rf"{NUMBER}% of (?:their strength|all edge strength)",
        lambda m: (max(lines(m).vertical, lines(m).horizontal, lines(m).rising, lines(m).falling),),
    ),
    (
        rf"cut at {NUMBER}% of the \w+ (?:explains|accounts for) {NUMBER}% of",
        lambda m: (split(m).position, split(m).explained),
    ),
    (rf"The rim is {NUMBER}% {SHADE}, as", lambda m: (m.layout.rim_percent, m.layout.rim_shade)),
    (rf"\(correlation {NUMBER}\)", lambda m: (m.layout.mirror,)),
    (rf"lightest field is [a-z -]+ \({NUMBER}\), the darkest [a-z -]+ \({NUMBER}\)", field_extremes),
)
