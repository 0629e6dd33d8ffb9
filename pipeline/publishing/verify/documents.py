"""The manifest, the checksums, the card and the other small files, held against each other and against what lies there.

Nothing that a manifest says is used as a path before it was found to be a name that packing gives.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from pipeline.files import sha256_of
from pipeline.packed.dataset import names_only_packed_paths
from pipeline.packing.card import loading_metadata, read_front_matter
from pipeline.packing.conservation import check_conservation
from pipeline.packing.preview import choose_shard
from pipeline.packing.sidecars import (
    CARD_FILE,
    MANIFEST_FILE,
    REJECTIONS_FILE,
    RELEASES_FILE,
    SIDE_FILES,
    STATISTICS_FILE,
    SUMS_FILE,
    list_files,
    render_manifest,
    render_releases,
    render_sidecars,
)
from pipeline.publishing.verify.report import Findings
from pipeline.tables import read_rows
from schemas.errors import ConservationError, RunDirectoryError
from schemas.manifest import DatasetManifest
from schemas.record import RECORD_VERSION
from schemas.rejection import Rejection
from schemas.releases import RELEASE_ID_DIGITS, Release, Releases
from schemas.statistics import DatasetStatistics

HOUSEKEEPING = (".git", ".cache", ".gitattributes")
"""What git and the hub's client leave beside a copy."""

_SUM_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)\n")


def read_manifest(root: Path, findings: Findings) -> DatasetManifest | None:
    """Read the manifest, and check everything about it that can be told from itself."""
    if not (root / MANIFEST_FILE).is_file():
        findings.blame(MANIFEST_FILE, "is missing: packing did not finish, or this is no dataset; pack again")
        return None
    data = (root / MANIFEST_FILE).read_bytes()
    try:
        manifest = DatasetManifest.model_validate_json(data)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        findings.blame(MANIFEST_FILE, f"cannot be read, {'.'.join(map(str, detail['loc']))}: {detail['msg']}")
        return None
    findings.count("manifest")
    for fault in _manifest_faults(manifest, data):
        findings.blame(MANIFEST_FILE, fault)
    return manifest


def check_tree(root: Path, manifest: DatasetManifest, findings: Findings) -> None:
    """Every file is there, is a regular file, and there is no other."""
    side_files = SIDE_FILES[manifest.edition]
    expected = {*list_files(manifest), *side_files, CARD_FILE, SUMS_FILE, MANIFEST_FILE}
    found = dict(_walk(root))
    for path in sorted(expected - found.keys()):
        findings.blame(path, "is missing")
    expected.add(RELEASES_FILE)
    for path in sorted(found.keys() - expected):
        findings.blame(path, "is not part of the dataset; remove it")
    for path in sorted(found.keys() & expected):
        findings.count("files")
        if not found[path]:
            findings.blame(path, "is no regular file")


def check_sums(root: Path, manifest: DatasetManifest, findings: Findings) -> None:
    """``SHA256SUMS`` lists every file but itself, with the digest that the file or the manifest has."""
    unlisted = [path for path in (CARD_FILE, MANIFEST_FILE, RELEASES_FILE) if (root / path).is_file()]
    expected = list_files(manifest) | {path: sha256_of(root / path) for path in unlisted}
    text = _read_text(root / SUMS_FILE)
    listed = {path: digest for digest, path in _SUM_LINE.findall(text)}
    if "".join(f"{digest}  {path}\n" for path, digest in sorted(listed.items())) != text:
        findings.blame(SUMS_FILE, "is not a sorted list of digests and paths")
    for path in sorted(expected.keys() | listed.keys()):
        findings.count("checksums")
        if path not in listed:
            findings.blame(SUMS_FILE, f"does not list {path}")
        elif path not in expected:
            findings.blame(SUMS_FILE, f"lists {path}, which is not part of the dataset")
        elif listed[path] != expected[path]:
            findings.blame(path, f"{SUMS_FILE} has another checksum for it")


def check_side_files(root: Path, manifest: DatasetManifest, findings: Findings) -> DatasetStatistics | None:
    """The side files have their checksums, and say what the manifest and the models say.

    Returns:
        What ``statistics.json`` says, if it can be read.
    """
    for path in SIDE_FILES[manifest.edition]:
        if (root / path).is_file() and sha256_of(root / path) != manifest.files.get(path):
            findings.blame(path, "has another checksum than the manifest says")
    statistics = _read_statistics(root, findings)
    sidecars = {} if statistics is None else render_sidecars(manifest, statistics)
    for path, data in sidecars.items():
        if (root / path).is_file() and (root / path).read_bytes() != data:
            findings.blame(path, "does not say what the manifest and the record's model say")
    if (root / REJECTIONS_FILE).is_file():
        _check_rejections(root / REJECTIONS_FILE, manifest, findings)
    return statistics


def check_releases(root: Path, manifest: DatasetManifest, findings: Findings) -> None:
    """Of what is published: the newest of the releases is this one, and their counts can be those of a history."""
    if not (root / RELEASES_FILE).is_file():
        return
    findings.count("releases")
    data = (root / RELEASES_FILE).read_bytes()
    try:
        releases = Releases.model_validate_json(data).releases
    except ValidationError as error:
        findings.blame(RELEASES_FILE, f"cannot be read: {error.errors(include_url=False)[0]['msg']}")
        return
    if render_releases(releases) != data:
        findings.blame(RELEASES_FILE, "is not written the way publishing writes it")
    for fault in _release_faults(releases, manifest):
        findings.blame(RELEASES_FILE, fault)


def check_card(root: Path, manifest: DatasetManifest, findings: Findings) -> None:
    """The card's YAML makes ``load_dataset`` find the shards, the types and the counts."""
    try:
        fields = read_front_matter(_read_text(root / CARD_FILE))
    except ValueError as error:
        findings.blame(CARD_FILE, str(error))
        return
    for name, value in loading_metadata(manifest).items():
        findings.count("card entries")
        if fields.get(name) != value:
            findings.blame(CARD_FILE, f"its {name} is not that of the manifest and the record's model")


def _manifest_faults(manifest: DatasetManifest, data: bytes) -> Iterator[str]:
    if manifest.sha256 != manifest.digest():
        yield "does not match its own checksum"
    if render_manifest(manifest) != data:
        yield "is not written the way packing writes it"
    if manifest.record_version != RECORD_VERSION:
        yield f"has records of version {manifest.record_version}; this is a reader of version {RECORD_VERSION}"
    try:
        check_conservation(manifest)
    except ConservationError as error:
        yield str(error)
    if not names_only_packed_paths(manifest):
        yield "names its shards otherwise than packing does"
    if odd := sorted(set(manifest.files) ^ set(SIDE_FILES[manifest.edition])):
        yield f"lists the side files otherwise than packing does: {odd}"
    yield from _edition_faults(manifest)
    if any(shard.images == 0 for shard in manifest.shards):
        yield "lists a shard without images"
    if len({teacher.name for teacher in manifest.teachers}) != len(manifest.teachers) or not manifest.teachers:
        yield "does not list each teacher once"


def _edition_faults(manifest: DatasetManifest) -> Iterator[str]:
    has_pictures = manifest.edition == "pictures"
    before = [(shard.path, shard.split, shard.images) for shard in manifest.pictured]
    now = [(shard.path, shard.split, shard.images) for shard in manifest.shards]
    if has_pictures and before:
        yield "lists shards with pictures apart, although its own have them"
    if not has_pictures and before != now:
        yield "does not list the same shards with pictures"
    if not has_pictures and manifest.made_from is None:
        yield "does not say which dataset with pictures it was made from"
    due, preview = choose_shard(manifest.shards), manifest.preview
    if (due is None) != (preview is None):
        yield f"lists {'no' if preview is None else 'a'} preview although {'one' if due else 'none'} is due"


def _release_faults(releases: Sequence[Release], manifest: DatasetManifest) -> Iterator[str]:
    newest = releases[0]
    if (newest.manifest_sha256, newest.edition, newest.images) != (manifest.sha256, manifest.edition, manifest.packed):
        yield "its newest release is not what the manifest describes"
    if any(release.id != release.manifest_sha256[:RELEASE_ID_DIGITS] for release in releases):
        yield "has a release whose id is not the beginning of its manifest's checksum"
    images = 0
    for release in reversed(releases):
        if release.images != images + release.added - release.removed:
            yield f"release {release.id}: its images are not those of the one before, plus added, minus removed"
        images = release.images


def _read_statistics(root: Path, findings: Findings) -> DatasetStatistics | None:
    try:
        return DatasetStatistics.model_validate_json((root / STATISTICS_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        findings.blame(STATISTICS_FILE, f"cannot be read: {error.errors(include_url=False)[0]['msg']}")
        return None


def _check_rejections(path: Path, manifest: DatasetManifest, findings: Findings) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    try:
        for rejection in read_rows(path, Rejection):
            counts[rejection.stage, rejection.reason] += 1
    except (pa.ArrowException, ValueError, OSError) as error:
        findings.blame(REJECTIONS_FILE, f"cannot be read: {' '.join(str(error).split())}")
        return
    except RunDirectoryError as error:
        findings.blame(REJECTIONS_FILE, f"cannot be read: {error.problem}")
        return
    findings.count("rejections", counts.total())
    expected = {
        (stage, reason): count for stage, reasons in manifest.rejected.items() for reason, count in reasons.items()
    }
    if counts != expected:
        findings.blame(REJECTIONS_FILE, "its counts by stage and reason are not those of the manifest")


def _walk(root: Path) -> Iterator[tuple[str, bool]]:
    """Path in the dataset of everything that is no folder, and whether it is a regular file. Links are not followed."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        if here == root:
            folders[:] = [name for name in folders if name not in HOUSEKEEPING]
        links = [name for name in folders if (here / name).is_symlink()]
        for name in (*files, *links):
            if here == root and name in HOUSEKEEPING:
                continue
            mode = (here / name).lstat().st_mode
            yield (here / name).relative_to(root).as_posix(), stat.S_ISREG(mode)


def _read_text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
