"""What a publication is asked to be, and whether a dataset may become that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.progress import Progress
from pipeline.publishing.verify import verify_dataset
from schemas.errors import ConfigError, DatasetError
from schemas.manifest import PIXELS_ENGINE, DatasetManifest, Edition

RELEASE_TAG = "release-"
"""Begins the tags that publishing gives; the release's id follows."""

MAIN = "main"

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_REF = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?")
_FIRST_FAULTS = 3


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """Where a dataset goes, and what of it."""

    repo_id: str
    """``OWNER/NAME``."""
    include_images: bool = False
    accept_imagenet_terms: bool = False
    private: bool = False
    """Make the repository private before anything is uploaded. It is never made public."""
    branch: str = MAIN
    """Made where it is missing."""
    tag: str | None = None
    """A name for this version, beside that of its content."""
    allow_engines: frozenset[str] = frozenset()
    """Engines that write no text of a model, and whose records are published all the same."""

    @property
    def edition(self) -> Edition:
        """What of the dataset goes up."""
        return "pictures" if self.include_images else "annotations"


def check_options(options: PublishOptions) -> None:
    """Refuse what can never be published so.

    Raises:
        ConfigError: an option is wrong, or goes with none of the others.
    """
    parts = options.repo_id.split("/")
    if len(parts) != 2 or not all(_NAME.fullmatch(part) for part in parts):  # more is the hub's to refuse
        raise ConfigError(f"REPO_ID {options.repo_id} names no repository", "write OWNER/NAME")
    if options.include_images and not options.accept_imagenet_terms:
        raise ConfigError(
            "--include-images publishes ImageNet's photographs, whose terms bind you and whoever downloads them",
            "read https://www.image-net.org/download.php, then add --accept-imagenet-terms",
        )
    for name, ref in (("--revision", options.branch), ("--tag", options.tag)):
        if ref is not None and (not _REF.fullmatch(ref) or ".." in ref or "//" in ref):
            raise ConfigError(f"{name} {ref} can name nothing in a repository", "use letters, digits, -, _, . and /")
    if options.tag is not None and options.tag.startswith(RELEASE_TAG):
        raise ConfigError(
            f"--tag {options.tag}: names that begin with {RELEASE_TAG} are given by publishing", "choose another name"
        )
    if unknown := sorted(options.allow_engines - {PIXELS_ENGINE}):
        raise ConfigError(f"--allow-engine {unknown[0]}: only {PIXELS_ENGINE} can be named", "leave the option out")


def check_publishable(root: Path, manifest: DatasetManifest, options: PublishOptions) -> None:
    """Refuse a dataset by what its manifest says.

    Raises:
        DatasetError: it lacks the pictures, or its texts were written by no model.
    """
    if options.include_images and manifest.edition != "pictures":
        raise DatasetError(
            f"{root}: has no pictures to publish", "leave out --include-images, or put them back with rejoin"
        )
    by_pixels = [teacher.name for teacher in manifest.teachers if teacher.is_measured]
    if by_pixels and PIXELS_ENGINE not in options.allow_engines:
        raise DatasetError(
            f"{root}: the records of {', '.join(by_pixels)} were written by the embedded engine {PIXELS_ENGINE}, "
            "which is no model",
            f"publish what teachers wrote, or add --allow-engine {PIXELS_ENGINE}",
        )


def check_whole(root: Path, progress: Progress) -> None:
    """Read the whole dataset back, as ``verify`` does.

    Raises:
        DatasetError: it has a fault.
    """
    report = verify_dataset(root, progress)
    if report.faults:
        more = len(report.faults) + report.more_faults - _FIRST_FAULTS
        faults = [str(fault) for fault in report.faults[:_FIRST_FAULTS]] + ([f"{more:,} more"] if more > 0 else [])
        raise DatasetError(f"{root}: is not whole: {'; '.join(faults)}", f"see imagenet-think verify {root}")
