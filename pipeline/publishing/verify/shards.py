"""One shard: its bytes, its blocks, and every sample in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.files import sha256_of
from pipeline.packing.statistics import Tally, Tallying
from pipeline.publishing.verify.report import MAX_FAULTS_PER_FILE, Fault
from pipeline.publishing.verify.samples import Expected, examine_sample
from pipeline.tars import read_samples
from pipeline.taxonomy import load_taxonomy
from schemas.errors import DatasetError
from schemas.manifest import DatasetManifest, Edition, PromptEntry, ShardEntry, TeacherEntry

DIGEST_BYTES = 8
"""Of a row's digest: enough to tell rows apart, few enough to keep all of them."""


@dataclass(frozen=True, slots=True)
class ShardCheck:
    """A shard, and what the manifest says of it."""

    path: Path
    entry: ShardEntry
    edition: Edition
    teachers: tuple[TeacherEntry, ...]
    prompt: PromptEntry

    @classmethod
    def of(cls, root: Path, entry: ShardEntry, manifest: DatasetManifest) -> ShardCheck:
        """The check of one of a dataset's shards, or of its preview, without all that is said of the others."""
        return cls(root / entry.path, entry, manifest.edition, manifest.teachers, manifest.prompt)


@dataclass(slots=True)
class ShardFindings:
    """What a shard holds, and what is wrong with it."""

    entry: ShardEntry
    keys: list[str]
    """In order."""
    digests: list[bytes]
    """Of the rows, in order (:func:`digest_row`)."""
    members: int
    faults: list[Fault]
    """At most one more than a report lists."""
    tally: Tally = field(default_factory=dict)
    """Of the records that could be read."""

    def blame(self, fault: str, key: str = "") -> None:
        """Note a fault."""
        if len(self.faults) <= MAX_FAULTS_PER_FILE:
            self.faults.append(Fault(file=self.entry.path, key=key, fault=fault))


def check_shard(check: ShardCheck) -> ShardFindings:
    """Read one shard from end to end. Where it cannot be read on, the fault says behind which member."""
    findings = ShardFindings(check.entry, [], [], 0, [])
    if check.path.stat().st_size != check.entry.bytes:
        findings.blame(f"has {check.path.stat().st_size:,} bytes, the manifest says {check.entry.bytes:,}")
    elif sha256_of(check.path) != check.entry.sha256:
        findings.blame("has another checksum than the manifest says")
    expected = Expected(check.entry.split, check.edition, check.teachers, check.prompt, load_taxonomy())
    seen: set[str] = set()
    tallying = Tallying()
    try:
        for sample in read_samples(check.path):
            findings.members += len(sample.suffixes)
            record, faults = examine_sample(sample, expected)
            for fault in faults:
                findings.blame(fault, sample.key)
            if record is not None:
                tallying.add(record)
            if sample.key in seen:
                findings.blame("stands twice, or its members are apart", sample.key)
            seen.add(sample.key)
            findings.keys.append(sample.key)
            findings.digests.append(digest_row(*(sample.members.get(name, b"") for name in ("cls", "jpg", "json"))))
    except DatasetError as error:
        findings.blame(str(error))
    findings.tally = tallying.result()
    if len(findings.keys) != check.entry.images:
        findings.blame(f"holds {len(findings.keys):,} images, the manifest says {check.entry.images:,}")
    return findings


def digest_row(cls: bytes, jpeg: bytes, record: bytes) -> bytes:
    """A short digest of one row's contents, for comparing what different readers make of it."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in (cls, jpeg, record):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()
