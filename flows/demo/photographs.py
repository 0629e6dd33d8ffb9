"""Real photographs for the demo: those inside ordinary Python packages, laid out as a small ImageNet-21k tree.

Nothing of them is kept in this project; they are read from the installed packages. Their image numbers start at
900000, beyond ImageNet's own.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from schemas.errors import ConfigError

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""

FIRST_PHOTOGRAPH = 900_001
FIRST_CROP = 900_101
NEAR_DUPLICATE = 900_201

_CC0 = "CC0 1.0"
_PUBLIC = "public domain"
_BY = "CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/)"


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph, who made it, and what becomes of it here.

    ``crops`` are further pictures of the same class cut from it, each at least 224 pixels wide and high.
    """

    package: str
    file: str
    """Path inside the package."""
    wnid: str
    title: str
    author: str
    licence: str
    source: str
    keep_bytes: bool = True
    """Lay the file out as it is: a PNG then stands in ``.JPEG`` clothing, as some of ImageNet's own do."""
    crops: tuple[Box, ...] = ()


# Licences and origins as the packages' own documentation states them: the docstrings of skimage.data,
# README.txt in sklearn/datasets/images, and the pull request that added matplotlib's picture.
PHOTOGRAPHS = (
    Photograph(
        package="skimage",
        file="data/astronaut.png",
        wnid="n09818022",  # below person: excluded unless asked for
        title="Eileen Collins, astronaut",
        author="NASA",
        licence=_PUBLIC,
        source="https://flic.kr/p/r9qvLn",
    ),
    Photograph(
        package="skimage",
        file="data/chelsea.png",
        wnid="n02123045",
        title="Chelsea the cat",
        author="Stefan van der Walt",
        licence=_CC0,
        source="scikit-image, skimage.data.chelsea",
        crops=((90, 0, 400, 300),),
    ),
    Photograph(
        package="skimage",
        file="data/coffee.png",
        wnid="n07920052",
        title="Coffee cup, courtesy of Pikolo Espresso Bar",
        author="Rachel Michetti",
        licence=_CC0,
        source="scikit-image, skimage.data.coffee",
        keep_bytes=False,
        crops=((60, 0, 500, 400),),
    ),
    Photograph(
        package="skimage",
        file="data/rocket.jpg",
        wnid="n04265904",
        title="Falcon 9 carrying DSCOVR",
        author="SpaceX",
        licence=_PUBLIC,
        source="https://www.flickr.com/photos/spacexphotos/16511594820/",
        crops=((190, 90, 460, 427),),
    ),
    Photograph(
        package="skimage",
        file="data/hubble_deep_field.jpg",
        wnid="n09444783",
        title="Hubble eXtreme Deep Field",
        author="NASA",
        licence=_PUBLIC,
        source="http://hubblesite.org/newscenter/archive/releases/2012/37/image/a/",
        crops=((0, 0, 500, 436), (500, 436, 1000, 872)),
    ),
    Photograph(
        package="skimage",
        file="data/clock_motion.png",
        wnid="n04548280",
        title="Wall clock, blurred by motion",
        author="Stefan van der Walt",
        licence=_PUBLIC,
        source="scikit-image, skimage.data.clock",
        keep_bytes=False,
    ),
    Photograph(
        package="skimage",
        file="data/brick.png",
        wnid="n02898369",
        title="Bricks25",
        author="CC0 Textures",
        licence=_CC0,
        source="https://cc0textures.com/view.php?tex=Bricks25",
        crops=((212, 212, 512, 512),),
    ),
    Photograph(
        package="skimage",
        file="data/gravel.png",
        wnid="n14698884",
        title="Gravel04",
        author="CC0 Textures",
        licence=_CC0,
        source="https://cc0textures.com/view.php?tex=Gravel04",
        keep_bytes=False,
        crops=((0, 212, 300, 512),),
    ),
    Photograph(
        package="skimage",
        file="data/grass.png",
        wnid="n12102133",
        title="Grass 01",
        author="linolafett",
        licence=_CC0,
        source="https://www.deviantart.com/linolafett/art/Grass-01-434853879",
        keep_bytes=False,
        crops=((212, 0, 512, 300),),
    ),
    Photograph(
        package="sklearn",
        file="datasets/images/china.jpg",
        wnid="n04407435",
        title="A pagoda in China",
        author="danielbuechele",
        licence=_BY,
        source="https://www.flickr.com/photos/danielbuechele/6061409035/",
        crops=((50, 0, 400, 427), (90, 10, 350, 240)),
    ),
    Photograph(
        package="sklearn",
        file="datasets/images/flower.jpg",
        wnid="n11960245",
        title="A dahlia",
        author="vultilion",
        licence=_BY,
        source="https://www.flickr.com/photos/vultilion/6056698931/",
        crops=((130, 60, 480, 380),),
    ),
    Photograph(
        package="matplotlib",
        file="mpl-data/sample_data/grace_hopper.jpg",
        wnid="n03763968",
        title="Grace Hopper in uniform",
        author="United States Navy",
        licence=_PUBLIC,
        source="https://github.com/matplotlib/matplotlib/pull/1599",
        crops=((60, 300, 512, 600),),
    ),
)


def lay_out_photographs(root: Path) -> None:
    """Write the photographs, crops of them and one near-duplicate as ``root/<wnid>/<wnid>_<number>.JPEG``.

    ``root/SOURCES.md`` says whose they are. The same library versions write the same bytes.

    Raises:
        ConfigError: a package that holds some of them is not installed.
        OSError: ``root`` cannot be written.
    """
    crop_number = FIRST_CROP
    for number, photograph in enumerate(PHOTOGRAPHS, FIRST_PHOTOGRAPH):
        data = read_photograph(photograph)
        picture = Image.open(io.BytesIO(data))
        write_image(root, photograph.wnid, number, data if photograph.keep_bytes else encode_jpeg(picture))
        for box in photograph.crops:
            write_image(root, photograph.wnid, crop_number, encode_jpeg(picture, box))
            crop_number += 1
    temple = find_photograph("china.jpg")
    again = encode_jpeg(Image.open(io.BytesIO(read_photograph(temple))), quality=80)
    write_image(root, temple.wnid, NEAR_DUPLICATE, again)
    (root / "SOURCES.md").write_text("\n".join(_describe_sources()), encoding="utf-8")


def find_photograph(file: str) -> Photograph:
    """The photograph of a file name in ``PHOTOGRAPHS``."""
    return next(photograph for photograph in PHOTOGRAPHS if photograph.file.endswith(f"/{file}"))


def read_photograph(photograph: Photograph) -> bytes:
    """The file's bytes, from the installed package.

    Raises:
        ConfigError: the package is not installed, or no longer holds the file.
    """
    remedy = "install imagenet-think[demo]"
    # the package is only looked up: importing it would take seconds
    package = importlib.util.find_spec(photograph.package)
    if package is None or package.origin is None:
        raise ConfigError(f"the demo takes photographs from {photograph.package}, which is not installed", remedy)
    path = Path(package.origin).parent / photograph.file
    if not path.is_file():
        raise ConfigError(f"the installed {photograph.package} does not hold {photograph.file}", remedy)
    return path.read_bytes()


def encode_jpeg(picture: Image.Image, box: Box | None = None, quality: int = 95) -> bytes:
    """A picture, or the part of it in ``box``, as a JPEG with its colour profile."""
    file = io.BytesIO()
    profile = picture.info.get("icc_profile")
    part = picture if box is None else picture.crop(box)
    part.save(file, "JPEG", quality=quality, icc_profile=profile)
    return file.getvalue()


def write_image(root: Path, wnid: str, number: int, data: bytes) -> None:
    """Write one image of the tree."""
    path = root / wnid / f"{wnid}_{number}.JPEG"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _describe_sources() -> Iterator[str]:
    yield "# Whose photographs these are\n"
    yield "Some are re-encoded as JPEG; images numbered 9001xx and above are cut from or made of the others.\n"
    yield "| image | title | author | licence | source |\n|---|---|---|---|---|"
    for number, photograph in enumerate(PHOTOGRAPHS, FIRST_PHOTOGRAPH):
        name = f"{photograph.wnid}_{number}"
        yield f"| {name} | {photograph.title} | {photograph.author} | {photograph.licence} | {photograph.source} |"
    yield ""
