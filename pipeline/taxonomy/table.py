"""The table of synsets that ships with this package, and the questions asked of it."""

from __future__ import annotations

import functools
import gzip
import hashlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import resources

from schemas.errors import ConfigError

RELEASES = ("fall11", "winter21-p", "fall11-p", "12k", "1k", "google", "microsoft")
"""Class lists in use, by their bit in the table. Their sizes and sources: README.md in this folder."""

COLUMNS = ("wnid", "lemmas", "definition", "parents", "depth", "domain", "lexname", "releases")


@dataclass(frozen=True, slots=True)
class Synset:
    """One class of images, or a class above one."""

    wnid: str
    lemmas: tuple[str, ...]
    """Synonyms, the most usual first. Not unique: say the definition too where it matters."""
    definition: str
    parents: tuple[str, ...]
    """Wnids one step up, by hypernym and instance edges."""
    depth: int
    """Longest path up to ``entity``, the root of WordNet's nouns, in steps."""
    domain: str
    lexname: str
    """WordNet's lexicographer file, e.g. ``noun.animal``."""
    releases: frozenset[str]
    """Those of ``RELEASES`` that hold the class; empty for a synset that only stands above classes."""


class Taxonomy:
    """Synsets by wnid, closed under hypernyms. Iterates over wnids, in order.

    Args:
        synsets: in any order; every parent must be among them.
        sha256: names the table they were read from, in hexadecimal.
    """

    def __init__(self, synsets: Iterable[Synset], sha256: str) -> None:
        self.sha256 = sha256
        self._synsets = {synset.wnid: synset for synset in sorted(synsets, key=_by_wnid)}
        self._children = _children_of(self._synsets.values())
        self._labels = _labels_of(self._synsets.values())

    def __len__(self) -> int:
        """Number of synsets, those that only stand above classes included."""
        return len(self._synsets)

    def __iter__(self) -> Iterator[str]:
        """Wnids in ascending order."""
        return iter(self._synsets)

    def __contains__(self, wnid: object) -> bool:
        """Whether the table holds this synset."""
        return wnid in self._synsets

    def __getitem__(self, wnid: str) -> Synset:
        """The synset of this wnid.

        Raises:
            ConfigError: there is none.
        """
        try:
            return self._synsets[wnid]
        except KeyError:
            remedy = "it must be a WordNet 3.0 noun synset (n and eight digits) that ImageNet-21k or its hypernyms hold"
            raise ConfigError(f"unknown synset {wnid!r}", remedy) from None

    def ancestors(self, wnid: str) -> frozenset[str]:
        """Everything above a synset, itself not included.

        Raises:
            ConfigError: the synset is unknown.
        """
        return _reach(self[wnid].parents, lambda parent: self._synsets[parent].parents)

    def subtree(self, root: str) -> frozenset[str]:
        """A synset and everything below it, by hyponym and instance edges.

        Raises:
            ConfigError: the synset is unknown.
        """
        return _reach((self[root].wnid,), lambda wnid: self._children.get(wnid, ()))

    def label(self, wnid: str) -> int | None:
        """Class index: the synset's position among the 21,841 of ``fall11``, sorted.

        The few classes that only other releases hold follow after them, sorted too.

        Returns:
            The index, or ``None`` for a synset that no release holds.
        """
        return self._labels.get(wnid)


@functools.cache
def load_taxonomy() -> Taxonomy:
    """The table that ships with this package. It is read once per process."""
    packed = resources.files("pipeline.taxonomy").joinpath("synsets.tsv.gz").read_bytes()
    return parse_table(gzip.decompress(packed))


def read_wordnet_licence() -> bytes:
    """WordNet's licence, which must go with every copy of its lemmas and definitions."""
    return resources.files("pipeline.taxonomy").joinpath("WORDNET-3.0-LICENSE.txt").read_bytes()


def format_table(synsets: Iterable[Synset], notice: Iterable[str]) -> bytes:
    """Write synsets as tab-separated text, ordered by wnid, under a licence notice in comment lines."""
    lines = [f"# {line}".rstrip() for line in notice]
    lines.append("\t".join(COLUMNS))
    lines += [_format_row(synset) for synset in sorted(synsets, key=_by_wnid)]
    return "".join(f"{line}\n" for line in lines).encode()


def parse_table(data: bytes) -> Taxonomy:
    """Read what :func:`format_table` wrote."""
    lines = data.decode().removesuffix("\n").split("\n")
    _, *rows = itertools.dropwhile(lambda line: line.startswith("#"), lines)
    return Taxonomy(map(_parse_row, rows), hashlib.sha256(data).hexdigest())


def _format_row(synset: Synset) -> str:
    # WordNet writes a lemma's spaces as underscores and uses underscores for nothing else.
    lemmas = " ".join(lemma.replace(" ", "_") for lemma in synset.lemmas)
    releases = sum(1 << bit for bit, release in enumerate(RELEASES) if release in synset.releases)
    fields = (synset.wnid, lemmas, synset.definition, " ".join(synset.parents), synset.depth)
    return "\t".join(map(str, (*fields, synset.domain, synset.lexname, releases)))


def _parse_row(row: str) -> Synset:
    wnid, lemmas, definition, parents, depth, domain, lexname, releases = row.split("\t")
    return Synset(
        wnid=wnid,
        lemmas=tuple(lemma.replace("_", " ") for lemma in lemmas.split()),
        definition=definition,
        parents=tuple(parents.split()),
        depth=int(depth),
        domain=domain,
        lexname=lexname,
        releases=_releases_of(int(releases)),
    )


@functools.cache
def _releases_of(bits: int) -> frozenset[str]:
    return frozenset(release for bit, release in enumerate(RELEASES) if bits >> bit & 1)


def _by_wnid(synset: Synset) -> str:
    return synset.wnid


def _children_of(synsets: Iterable[Synset]) -> dict[str, list[str]]:
    children: defaultdict[str, list[str]] = defaultdict(list)
    for synset in synsets:
        for parent in synset.parents:
            children[parent].append(synset.wnid)
    return dict(children)


def _labels_of(synsets: Iterable[Synset]) -> dict[str, int]:
    classes = sorted(("fall11" not in synset.releases, synset.wnid) for synset in synsets if synset.releases)
    return {wnid: label for label, (_, wnid) in enumerate(classes)}


def _reach(start: Iterable[str], step: Callable[[str], Iterable[str]]) -> frozenset[str]:
    seen = set(start)
    frontier = list(seen)
    while frontier:
        found = set(step(frontier.pop())) - seen
        seen |= found
        frontier += found
    return frozenset(seen)
