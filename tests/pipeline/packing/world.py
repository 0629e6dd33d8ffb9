"""A small world to pack: pictures in memory, a selection on disk, teachers whose results are written by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from pipeline.packing import PackInputs, pack
from pipeline.packing.inputs import Parse
from pipeline.progress import Progress, Silent
from pipeline.sources.base import Batch, Container
from pipeline.tables import read_rows, write_rows
from pipeline.taxonomy import load_taxonomy
from pipeline.teachers import load_teacher
from prompts import load_prompt
from schemas.completion import Completion, FinishReason, PairScores, PairStatus, Rung, ThinkingAnswer
from schemas.config import BuildConfig, PackingConfig, SourceConfig, TeacherConfig
from schemas.engines import PixelsEngine
from schemas.errors import SourceError
from schemas.identity import GenerationIdentity
from schemas.image import ImageFacts, ImageFormat, ImageRef, SelectedImage, Split
from schemas.manifest import DatasetManifest, SelectionManifest, Thresholds
from schemas.rejection import Rejection, RejectReason, Stage
from schemas.teacher import TeacherSpec

TENCH, HOUSEDOG = "n01440764", "n02104280"
GLM, KIMI = "glm", "kimi"
WIDTH, HEIGHT = 24, 16


@dataclass
class MemorySource:
    """A source whose files are a dictionary."""

    files: dict[str, bytes]
    form: str = "memory"
    is_stream: bool = False

    def containers(self) -> Iterator[Container]:
        raise NotImplementedError

    def scan(self, container: Container, start: int) -> Iterator[Batch]:
        raise NotImplementedError

    def prepare(self, refs: Iterable[ImageRef], progress: Progress) -> None:
        """Nothing to do: all is in memory."""

    def read(self, ref: ImageRef) -> bytes:
        if ref.container not in self.files:
            raise SourceError(f"{ref.container}: gone")
        return self.files[ref.container]

    def file_of(self, ref: ImageRef) -> None:
        """None: there are no files."""


def identify(name: str) -> GenerationIdentity:
    """The way in which a teacher of this world generates."""
    return GenerationIdentity(
        teacher=name,
        model=f"lab/{name}",
        revision="main",
        dtype="bfloat16",
        quantization=None,
        processor={"max_pixels": "1000000"},
        prompt_sha256="0" * 64,
        temperature=0.8,
        top_p=1.0,
        top_k=-1,
        repetition_penalty=1.0,
        normalisation="1",
    )


@dataclass
class Results:
    """One teacher's results, all in memory."""

    name: str
    completions: list[Completion]
    faults: dict[str, tuple[RejectReason, str]] = field(default_factory=dict)

    @property
    def identity(self) -> GenerationIdentity:
        return identify(self.name)

    @property
    def teacher(self) -> TeacherSpec:
        made_up = {"name": self.name, "model": f"lab/{self.name}", "grammar": "bar"}
        return load_teacher("glm-4.1v-9b-thinking").model_copy(update=made_up)

    @property
    def parse(self) -> Parse:
        return parse_bar

    def accepted_ids(self) -> set[str]:
        return {completion.image_id for completion in self.completions}

    def failures(self) -> Mapping[str, tuple[RejectReason, str]]:
        return self.faults

    def attempts(self, image_ids: AbstractSet[str]) -> Mapping[PairStatus, int]:
        return {PairStatus.OK: len(self.accepted_ids() & image_ids)}

    def accepted(self) -> Iterator[Completion]:
        return iter(self.completions)


@dataclass
class World:
    """Everything that packing needs, easy to bend before it is packed."""

    directory: Path
    images: list[SelectedImage]
    source: MemorySource
    results: list[Results]
    images_per_shard: int = 4
    workers: int = 1
    seed: int = 7
    engine: str = "vllm"
    earlier: dict[Stage, Path] = field(default_factory=dict)
    prompt: str = "describe-step-by-step"

    @property
    def out(self) -> Path:
        return self.directory / "dataset"

    def pack(self) -> DatasetManifest:
        """Write the selection and pack the dataset."""
        return pack(self.inputs(), self.out, Silent())

    def inputs(self) -> PackInputs:
        selection = self.directory / "selection.parquet"
        write_rows(selection, self.images, SelectedImage)
        return PackInputs(
            config=self.config(),
            prompt=load_prompt(self.prompt),
            taxonomy=load_taxonomy(),
            source=self.source,
            selection=selection,
            manifest=self.manifest(),
            results=self.results,
            earlier_rejections=self.earlier,
        )

    def config(self) -> BuildConfig:
        return BuildConfig(
            seed=self.seed,
            source=SourceConfig(path=str(self.directory)),
            teachers=tuple(TeacherConfig(name=r.name, engine=PixelsEngine(kind="pixels")) for r in self.results),
            packing=PackingConfig(images_per_shard=self.images_per_shard, workers=self.workers),
        )

    def manifest(self) -> SelectionManifest:
        ids: dict[Split, tuple[str, ...]] = {
            split: tuple(image.ref.image_id for image in self.images if image.split == split)
            for split in ("train", "benchmark")
        }
        rejected: Counter[RejectReason] = Counter()
        if Stage.SELECT in self.earlier:
            rejected.update(row.reason for row in read_rows(self.earlier[Stage.SELECT], Rejection))
        return SelectionManifest(
            seed=self.seed,
            target=max(len(self.images), 1),
            candidates=len(self.images) + sum(rejected.values()),
            left_over=0,
            rejected=rejected,
            near_duplicate_groups=0,
            rule="webster",
            thresholds=Thresholds(pilot=len(self.images), complexity=(1.0, 2.0), sharpness=0.0),
            screening="1",
            taxonomy_sha256=load_taxonomy().sha256,
            versions={},
            ids=ids,
        ).signed()


def make_world(directory: Path, train: int = 6, benchmark: int = 3) -> World:
    """A world in which every teacher has answered on every image."""
    images: list[SelectedImage] = []
    files: dict[str, bytes] = {}
    for number in range(train + benchmark):
        split: Split = "train" if number < train else "benchmark"
        wnid = (TENCH, HOUSEDOG)[number % 2]
        image_id = f"{wnid}_{number}"
        files[image_id] = make_jpeg(number)
        images.append(make_image(image_id, files[image_id], number, split))
    directory.mkdir(parents=True, exist_ok=True)
    return World(
        directory, images, MemorySource(files), [answer_all(GLM, images), answer_all(KIMI, images, rung=Rung.NEW_SEED)]
    )


def make_image(
    image_id: str, data: bytes, order: int = 0, split: Split = "train", image_format: ImageFormat = "JPEG"
) -> SelectedImage:
    """A row of the selection for a picture of the usual size."""
    wnid = image_id.partition("_")[0]
    return SelectedImage(
        order=order,
        ref=ImageRef(image_id=image_id, wnid=wnid, container=image_id, offset=0, size=len(data)),
        facts=ImageFacts(
            width=WIDTH,
            height=HEIGHT,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            phash=f"{order:016x}",
            complexity=1.25,
            format=image_format,
            gzipped=data.startswith(b"\x1f\x8b"),
            greyscale=False,
            sharpness=250.5,
            normalised=(),
        ),
        split=split,
        holdout="none" if split == "train" else "image",
        stratum="middle",
        weight=12.5,
        blurred=False,
        duplicate_group=image_id,
    )


def answer_all(name: str, images: Sequence[SelectedImage], rung: Rung = Rung.AS_IS, engine: str = "vllm") -> Results:
    """Results in which a teacher has answered on every image."""
    return Results(name, [make_completion(image.ref.image_id, name, rung=rung, engine=engine) for image in images])


def make_completion(
    image_id: str, teacher: str = GLM, text: str | None = None, rung: Rung = Rung.AS_IS, engine: str = "vllm"
) -> Completion:
    """A valid completion in the grammar ``thinking|answer``."""
    text = f"{teacher} looks at {image_id} – slowly.|A picture." if text is None else text
    return Completion(
        image_id=image_id,
        teacher=teacher,
        fingerprint=identify(teacher).fingerprint,
        attempt=1 if rung is Rung.AS_IS else 2,
        rung=rung,
        seed=5,
        max_tokens=100,
        thinking_budget=None,
        raw=text.encode(),
        finish_reason=FinishReason.STOP,
        stop_reason="</answer>" if teacher == GLM else None,
        error=None,
        forced_close=False,
        prompt_tokens=12,
        completion_tokens=9,
        thinking_tokens=6,
        answer_tokens=3,
        parser="1",
        status=PairStatus.OK,
        engine=engine,
        model=f"lab/{teacher}",
        revision="main",
        dtype="bfloat16",
        quantization=None,
        processor={},
        versions={"engine": "1"},
        started_at=1.0,
        seconds=2.0,
    )


def parse_bar(completion: Completion) -> ThinkingAnswer:
    """The grammar of these teachers: thinking, a bar, an answer."""
    thinking, _, answer = completion.text.partition("|")
    scores = PairScores(compression=1.5, repeated_8grams=0.0, han_share=0.0)
    status = PairStatus.OK if thinking and answer else PairStatus.EMPTY_ANSWER
    return ThinkingAnswer(thinking=thinking, answer=answer, status=status, scores=scores)


def make_jpeg(number: int, size: tuple[int, int] = (WIDTH, HEIGHT), orientation: int | None = None) -> bytes:
    """A small JPEG, another for every number."""
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    return _encode(_draw(number, size), "JPEG", quality=90, exif=exif)


def make_png(number: int) -> bytes:
    """The same picture as a PNG."""
    return _encode(_draw(number, (WIDTH, HEIGHT)), "PNG")


def gzipped(data: bytes) -> bytes:
    """A gzip stream around a file."""
    return gzip.compress(data, mtime=0)


def digests(root: Path) -> dict[str, str]:
    """SHA-256 of every file under a folder."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _draw(number: int, size: tuple[int, int]) -> Image.Image:
    noise = hashlib.shake_256(str(number).encode()).digest(size[0] * size[1] * 3)
    return Image.frombytes("RGB", size, noise)


def _encode(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()
