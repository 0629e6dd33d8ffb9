"""Builds ``synsets.tsv.gz``, the table that ships with this package.

    python -m pipeline.taxonomy.build --data-noun FILE --class-lists DIR --out FILE

FILE is ``data.noun`` of WordNet 3.0::

    apt-get install wordnet-base        # /usr/share/wordnet/data.noun

DIR is the folder of class lists inside the wheel of timm 1.0.31; timm itself need not be installed::

    pip download --no-deps timm==1.0.31
    python -m zipfile -e timm-1.0.31-py3-none-any.whl timm-1.0.31        # timm-1.0.31/timm/data/_info
"""

from __future__ import annotations

import argparse
import gzip
import re
import sys
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from pipeline.files import write_atomic
from pipeline.taxonomy.domains import domain_of
from pipeline.taxonomy.table import RELEASES, Synset, format_table
from pipeline.taxonomy.wordnet import REMEDY as TAKE_WORDNET_3_0
from pipeline.taxonomy.wordnet import Noun, read_notice, read_nouns
from schemas.errors import ConfigError, ImageNetThinkError

CLASS_LISTS = {
    "fall11": "imagenet22k_synsets.txt",
    "winter21-p": "imagenet21k_miil_w21_synsets.txt",
    "fall11-p": "imagenet21k_miil_synsets.txt",
    "12k": "imagenet12k_synsets.txt",
    "1k": "imagenet_synsets.txt",
    "google": "imagenet21k_goog_synsets.txt",
    "microsoft": "imagenet22k_ms_synsets.txt",
}
"""File name of each release's class list in timm: one wnid per line."""


def build_table(data_noun: Path, class_lists: Path) -> bytes:
    """The table's text, from its two sources.

    Raises:
        ConfigError: a source is missing, damaged, or not of the version that ImageNet was made with.
    """
    releases = {release: read_class_list(class_lists / CLASS_LISTS[release]) for release in RELEASES}
    nouns = {noun.wnid: noun for noun in read_nouns(data_noun)}
    return format_table(_describe(_close_upwards(nouns, releases), releases), read_notice(data_noun))


def read_class_list(path: Path) -> frozenset[str]:
    """The wnids of one release.

    Raises:
        ConfigError: the file cannot be read, or a line is not a wnid or stands twice.
    """
    remedy = "take the class lists of timm 1.0.31 (its folder timm/data/_info)"
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", remedy) from error
    wnids: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if re.fullmatch(r"n[0-9]{8}", line) is None:
            raise ConfigError(f"{path}, line {number}: {line[:40]!r} is not a wnid", remedy)
        if line in wnids:
            raise ConfigError(f"{path}, line {number}: {line} stands twice", remedy)
        wnids.add(line)
    return frozenset(wnids)


def main(arguments: list[str] | None = None) -> None:
    """Build the table from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.taxonomy.build", description="Build the table of synsets."
    )
    parser.add_argument("--data-noun", type=Path, required=True, metavar="FILE", help="data.noun of WordNet 3.0")
    parser.add_argument("--class-lists", type=Path, required=True, metavar="DIR", help="timm 1.0.31's timm/data/_info")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the .tsv.gz to write")
    options = parser.parse_args(arguments)
    try:
        table = build_table(options.data_noun, options.class_lists)
        # Without a time stamp and a name in its header, the same table gives the same file.
        packed = gzip.compress(table, compresslevel=9, mtime=0)
        write_atomic(options.out, packed)
    except ImageNetThinkError as error:
        parser.exit(error.exit_code, f"{error}\n")
    except OSError as error:
        parser.exit(1, f"cannot write {options.out}: {error.strerror}; choose another --out\n")
    sys.stdout.write(f"{options.out}: {len(packed):,} bytes, {len(table):,} unpacked\n")


def _close_upwards(nouns: Mapping[str, Noun], releases: Mapping[str, AbstractSet[str]]) -> dict[str, Noun]:
    """The classes of all releases and everything above them, parents before children."""
    for release, wnids in releases.items():
        if missing := sorted(wnids - nouns.keys()):
            problem = f"WordNet lacks {len(missing):,} of the classes of {release}, {missing[0]} first"
            raise ConfigError(problem, f"{TAKE_WORDNET_3_0}: synsets are numbered otherwise in other versions")
    frontier = sorted(frozenset().union(*releases.values()))
    edges: dict[str, tuple[str, ...]] = {}
    while frontier:
        wnid = frontier.pop()
        if wnid not in edges:
            if wnid not in nouns:
                raise ConfigError(f"WordNet holds no {wnid}, which is above other synsets", TAKE_WORDNET_3_0)
            edges[wnid] = nouns[wnid].parents
            frontier += edges[wnid]
    try:
        return {wnid: nouns[wnid] for wnid in TopologicalSorter(edges).static_order()}
    except CycleError as error:
        raise ConfigError(f"these synsets are above themselves: {' '.join(error.args[1])}", TAKE_WORDNET_3_0) from None


def _describe(nouns: Mapping[str, Noun], releases: Mapping[str, AbstractSet[str]]) -> Iterator[Synset]:
    depths: dict[str, int] = {}
    lineages: dict[str, frozenset[str]] = {}
    for wnid, noun in nouns.items():
        depths[wnid] = max((depths[parent] + 1 for parent in noun.parents), default=0)
        lineages[wnid] = frozenset({wnid}).union(*(lineages[parent] for parent in noun.parents))
        yield Synset(
            wnid=wnid,
            lemmas=tuple(lemma.replace("_", " ") for lemma in noun.lemmas),
            definition=noun.definition,
            parents=noun.parents,
            depth=depths[wnid],
            domain=domain_of(lineages[wnid], noun.lexname),
            lexname=noun.lexname,
            releases=frozenset(release for release, wnids in releases.items() if wnid in wnids),
        )


if __name__ == "__main__":
    main()
