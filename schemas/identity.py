"""What is identity, and why each excluded field is excluded.

Everything in a build is a function of identities, so that any part of it can be made again, in any order, on any
number of machines, with the same result:

- an *image* is its ImageNet stem;
- a *rank* orders images by a keyed hash, so that a draw depends on nothing but the seed;
- a *request seed* is a function of the run's seed, the image, the teacher and the attempt;
- a *fingerprint* names a way of generating. Completions are kept and looked up under it.

Limitation: two engines that claim the same model, revision, dtype and quantization share a fingerprint although
their kernels round differently; the ledger's row says which engine and versions made it.
"""

from __future__ import annotations

import hashlib
import re

from schemas.base import Contract, canonical_json

FINGERPRINT_SCHEME = 1
"""Raised whenever the fields below or their serialisation change; part of every fingerprint."""

EXCLUDED_FROM_FINGERPRINT: dict[str, str] = {
    "seed": "another draw from the same distribution, not another way of generating; the row keeps it",
    "max_tokens": "a longer limit changes no text that was finished freely; unfinished ones are evidence, never done",
    "attempt, rung": "retries of one request share its fingerprint; the row says which rung made it",
    "engine, versions, devices": "how the model is run is kept in the row; changing a server must not throw work away",
    "concurrency, parallel sizes, memory share": "they move work about and change no request",
}

_STEM = re.compile(r"(n[0-9]{8})_(?:\1_)?([0-9]{1,12})")


def parse_image_stem(stem: str) -> tuple[str, str] | None:
    """Read an ImageNet stem, doubled class prefixes included.

    >>> parse_image_stem("n00005787_n00005787_11054")
    ('n00005787_11054', 'n00005787')

    Returns:
        The image id and its wnid, or ``None`` when the name is no ImageNet stem.
    """
    match = _STEM.fullmatch(stem)
    if match is None:
        return None
    return f"{match[1]}_{match[2]}", match[1]


def rank(seed: int, key: str) -> int:
    """Order key of ``key`` in a draw: an unsigned 64-bit keyed BLAKE2b hash.

    The k smallest ranks of any set are a uniform sample of it without replacement, whatever the order in which
    the set was seen.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=8, key=str(seed).encode()).digest()
    return int.from_bytes(digest, "big")


def request_seed(run_seed: int, image_id: str, teacher: str, attempt: int) -> int:
    """Sampling seed of one request, in [0, 2**63): what signed 64-bit engines accept."""
    return rank(run_seed, f"{image_id}\n{teacher}\n{attempt}") >> 1


class GenerationIdentity(Contract):
    """A way of generating. Two completions with equal identities are draws from one distribution."""

    teacher: str
    model: str
    revision: str
    dtype: str
    quantization: str | None
    processor: dict[str, str]
    """Settings that change what the model sees of the picture, e.g. its pixel limits."""
    prompt_sha256: str
    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float
    normalisation: str
    """Version of the code that turns a file into the upright RGB picture a teacher gets."""

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of the scheme and all fields, keys sorted."""
        fields = self.model_dump()
        fields["processor"] = dict(sorted(self.processor.items()))
        payload = canonical_json([FINGERPRINT_SCHEME, sorted(fields.items())])
        return hashlib.sha256(payload).hexdigest()[:16]
