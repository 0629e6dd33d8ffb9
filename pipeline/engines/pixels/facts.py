"""What is measured of a photograph.

Every number is rounded once, here, to the digits in which a text quotes it: what a reader sees is what was measured.
Percentages are whole numbers. Lightness is CIELAB L*, from 0 (black) to 100 (white). ``CELLS`` names the nine cells
of a three by three grid, row by row; ``ROWS`` and ``COLUMNS`` its thirds.
"""

from __future__ import annotations

from dataclasses import dataclass

CELLS = (
    "upper left",
    "upper middle",
    "upper right",
    "middle left",
    "centre",
    "middle right",
    "lower left",
    "lower middle",
    "lower right",
)
ROWS = ("upper third", "middle band", "lower third")
COLUMNS = ("left third", "middle column", "right third")


@dataclass(frozen=True, slots=True)
class Frame:
    """The picture's outline, in pixels of the picture as it was given."""

    width: int
    height: int
    shape: str
    """``landscape``, ``portrait``, or ``square`` when the sides differ by less than 3 %."""
    ratio: str | None
    """The customary ratio within 2 % of the picture's, long side first, e.g. ``3:2``."""


@dataclass(frozen=True, slots=True)
class Light:
    """How light and dark are spread, in L*."""

    mean: int
    low: int
    """5th percentile."""
    high: int
    """95th percentile."""
    brightest: int
    """99.8th percentile: above ``high`` by far where there are small lights."""
    shadows: int
    """Percent of pixels below L* 20."""
    highlights: int
    """Percent of pixels above L* 90."""
    left: int
    right: int
    top: int
    bottom: int
    """Mean of each half."""
    centre: int
    """Mean of the middle half of width and height."""
    rim: int
    """Mean of the outer eighth on all four sides."""

    @property
    def range(self) -> int:
        """Distance between the 5th and the 95th percentile."""
        return self.high - self.low

    @property
    def is_flat(self) -> bool:
        """Whether nine tenths of the pixels lie within 2 L*."""
        return self.range <= 2

    @property
    def has_lights(self) -> bool:
        """Whether a few pixels are far brighter than nearly all others."""
        return self.brightest - self.high >= 30

    @property
    def centre_gap(self) -> int:
        """How much lighter (or, negative, darker) the centre is than the rim."""
        return self.centre - self.rim

    @property
    def brighter_side(self) -> str | None:
        """``left``, ``right``, ``top`` or ``bottom`` where the halves differ by at least 6 L*, else ``None``."""
        across, down = self.left - self.right, self.top - self.bottom
        if max(abs(across), abs(down)) < 6:
            return None
        if abs(across) > abs(down):
            return "left" if across > 0 else "right"
        return "top" if down > 0 else "bottom"

    @property
    def side_gap(self) -> int:
        """Largest difference between two opposite halves."""
        return max(abs(self.left - self.right), abs(self.top - self.bottom))


@dataclass(frozen=True, slots=True)
class Shade:
    """One named colour of the picture."""

    name: str
    family: str
    percent: int
    """Of the picture's pixels."""
    home: str | None
    """The cell that holds at least 40 % of it, else the row or column that holds at least 60 %, else ``None``."""
    at_home: int
    """Percent of this colour's pixels that lie in ``home``; 0 without one."""


@dataclass(frozen=True, slots=True)
class Family:
    """All shades of one basic colour together."""

    name: str
    percent: int


@dataclass(frozen=True, slots=True)
class HuePair:
    """Two named colours and how far apart they stand on the hue circle."""

    first: str
    second: str
    degrees: int
    """Between their CIELAB hue angles: 0 is one hue, 180 opposite hues."""


@dataclass(frozen=True, slots=True)
class Colours:
    """Which colours there are."""

    shades: tuple[Shade, ...]
    """Largest first; the six largest that hold at least 2 %, and the largest in any case."""
    families: tuple[Family, ...]
    """Largest first; those that hold at least 3 %, and the largest in any case."""
    neutral: int
    """Percent of pixels of chroma C* below 10 or lightness below 8: greys, black and white."""
    warm: int
    """Percent of pixels of a clear hue from pink over orange to yellow."""
    cool: int
    """Percent of pixels of a clear hue from sea green to blue."""
    colourfulness: int
    """M of Hasler and Süsstrunk (2003): 0 for a grey picture, about 33 moderate, 59 quite colourful, 109 extreme."""
    hue_pair: HuePair | None
    """Of the shades that hold at least 5 % and have a hue, the two whose hues lie furthest apart."""

    @property
    def lean(self) -> str:
        """``warm`` or ``cool`` when one has twice the other's share, ``faint`` where both are rare, else ``mixed``."""
        if max(self.warm, self.cool) < 10:
            return "faint"
        if self.warm >= 2 * self.cool:
            return "warm"
        return "cool" if self.cool >= 2 * self.warm else "mixed"


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the edges run: percent of all gradient strength in each of four directions, 25 each where none leads."""

    vertical: int
    horizontal: int
    rising: int
    """From the lower left to the upper right."""
    falling: int

    @property
    def leading(self) -> str | None:
        """The direction that holds at least 38 %, if one does."""
        name = max(("vertical", "horizontal", "rising", "falling"), key=lambda direction: int(getattr(self, direction)))
        return name if getattr(self, name) >= 38 else None


@dataclass(frozen=True, slots=True)
class Texture:
    """Edges and fine detail, on a copy whose longer side is at most 256 pixels."""

    edges: int
    """Percent of pixels where L* changes by more than 8 from one pixel to the next."""
    smooth: int
    """Percent of pixels where it changes by less than 1."""
    sharpness: int
    """Variance of the Laplacian of the 8-bit grey picture (Pech-Pacheco et al. 2000)."""
    lines: Lines | None
    """``None`` for a picture without edges."""
    detail: tuple[float, ...]
    """Mean change of L* per pixel in each of the nine cells."""

    @property
    def busiest(self) -> str:
        """The cell with most detail."""
        return CELLS[self.detail.index(max(self.detail))]

    @property
    def calmest(self) -> str:
        """The cell with least detail."""
        return CELLS[self.detail.index(min(self.detail))]

    @property
    def most_detail(self) -> float:
        """Detail of the busiest cell."""
        return max(self.detail)

    @property
    def least_detail(self) -> float:
        """Detail of the calmest cell."""
        return min(self.detail)

    @property
    def is_blank(self) -> bool:
        """Whether there is too little detail anywhere for comparing places."""
        return self.most_detail < 0.5

    @property
    def is_even(self) -> bool:
        """Whether there is detail and no cell has more than one and a half times that of another."""
        return not self.is_blank and self.most_detail <= 1.5 * self.least_detail


@dataclass(frozen=True, slots=True)
class Split:
    """The straight cut that parts the picture best: least squares over all cuts between a fifth and four fifths."""

    direction: str
    """``horizontal``: an upper and a lower part; ``vertical``: a left and a right one."""
    position: int
    """Percent of the height from the top, or of the width from the left."""
    explained: int
    """Percent of the variance of L*a*b* that lies between the two parts (Otsu's criterion, 1979)."""
    first: str
    """Commonest shade of the upper or left part."""
    second: str
    """Commonest shade of the lower or right part."""

    @property
    def is_telling(self) -> bool:
        """Whether the cut explains at least 30 % of the variance."""
        return self.explained >= 30


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the grid."""

    place: str
    shade: str
    """Its commonest shade ..."""
    percent: int
    """... and the percent of the cell's pixels that have it."""
    lightness: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How the surface is divided."""

    cells: tuple[Cell, ...]
    rim_shade: str
    """Commonest shade of the outermost sixteenth on all sides ..."""
    rim_percent: int
    """... and the percent of it that has this shade."""
    mirror: float | None
    """Pearson correlation of L* with its left-right mirror image; ``None`` for a flat picture."""
    split: Split | None
    """``None`` for a flat picture."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The part that stands out, found by two measures of saliency whose maps are averaged.

    The first is the spectral residual (Hou and Zhang 2007): what an average picture's spectrum does not foretell.
    The second is contrast against the four borders, taken as background (Wei et al. 2012).
    """

    x: int
    """Centre of mass, percent of the width from the left."""
    y: int
    """Percent of the height from the top."""
    area: int
    """Percent of the picture above Otsu's threshold of the averaged map."""
    spread: int
    """Root mean square distance of that area from its centre; 100 is what the whole frame would have."""
    compactness: int
    """The same distance in a disc of this area, as a percentage of it: 100 for a disc, less for scattered pieces."""
    disagreement: int
    """Distance between the two measures' centres, in percent of the side of the square the picture is mapped to."""
    mark: str
    """The shade that is commoner here than elsewhere by the widest margin ..."""
    mark_percent: int
    """... the percent of the area that has it ..."""
    mark_elsewhere: int
    """... and the percent of the rest that has it."""
    ground: str
    """Commonest shade of the rest ..."""
    ground_percent: int
    """... and the percent of the rest that has it."""
    lightness: int
    ground_lightness: int
    detail: float
    """Mean change of L* per pixel, as a multiple of that of the rest; at most 99."""

    @property
    def place(self) -> str:
        """The cell of the grid in which the centre lies."""
        return CELLS[3 * min(self.y * 3 // 100, 2) + min(self.x * 3 // 100, 2)]

    @property
    def is_marked(self) -> bool:
        """Whether the marking shade is commoner here by at least 6 percentage points."""
        return self.mark_percent - self.mark_elsewhere >= 6

    @property
    def agreement(self) -> str:
        """``close``, ``rough`` or ``none``: how well the two measures agree on the centre."""
        return "close" if self.disagreement <= 12 else "rough" if self.disagreement <= 24 else "none"

    @property
    def certainty(self) -> str:
        """``clear``, ``likely`` or ``scattered``: is there one place to speak of, and do both measures find it?"""
        if self.agreement == "close" and (self.spread <= 62 or self.compactness >= 85):
            return "clear"
        if self.agreement != "none" and (self.spread <= 80 or self.compactness >= 72):
            return "likely"
        return "scattered"

    @property
    def lightness_gap(self) -> int:
        """How much lighter (or, negative, darker) it is than the rest."""
        return self.lightness - self.ground_lightness


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Findings made without looking for a subject that agree with where it was found, or do not."""

    colour: bool
    """The subject's marking shade was found to gather there, by colour count alone."""
    detail: bool | None
    """The cell with most detail is the subject's; ``None`` where detail is absent or even, and says nothing."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """Everything the engine knows of a picture."""

    frame: Frame
    light: Light
    colours: Colours
    texture: Texture
    layout: Layout
    subject: Subject | None
    """``None`` where nothing stands out at all."""

    @property
    def is_grey(self) -> bool:
        """Whether there is no colour to speak of: 98 % or more of the pixels are neutral."""
        return self.colours.neutral >= 98

    @property
    def witnesses(self) -> Witnesses:
        """What supports the subject's place."""
        if self.subject is None:
            return Witnesses(colour=False, detail=None)
        mark, place = self.subject.mark, self.subject.place
        uneven = not (self.texture.is_blank or self.texture.is_even)
        return Witnesses(
            colour=any(shade.name == mark and shade.home == place for shade in self.colours.shades),
            detail=self.texture.busiest == place if uneven else None,
        )
