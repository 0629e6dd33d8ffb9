"""Whether a text names the class of a picture, something above it, or something beside it, by WordNet's lemmas.

The exact rules, and what they cannot tell, stand in docs/metrics.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from eval.metrics.phrases import Phrase, PhraseTable, parts, to_phrase
from pipeline.taxonomy import Synset, Taxonomy

NAMING_VERSION = "wordnet-names-1"
"""Raised whenever any text may name another class."""

GENERAL_SHARE = 0.25
"""A synset that holds more than this share of ImageNet's classes says nothing of a picture. These are entity, physical
entity, object, whole, living thing, organism and artifact; the next in size, instrumentality, animal and plant, hold
less and do tell something."""

NO_NAMES = frozenset({"a", "have", "or"})
"""Lemmas that begin with these words are not looked for: the letter case is lost, and nearly every text would name an
"OR" (operating room) and a vitamin "A", and "a bomb" an "A-bomb"."""

LINKS = frozenset({"and", "by", "in", "on", "s", "to"})
"""A longer name that begins or ends with these hides no shorter one: "a roll on a plate" tells of a roll, not of a
"roll-on", and "a man's hat" of a man, not of "men's"."""

_TABLES_KEPT = 128
"""Items come class by class, so that few tables are in use at a time; each takes some tens of kilobytes."""


class ClassMention(NamedTuple):
    """What a text says of a class."""

    exact: bool
    """A lemma of the class's synset."""
    ancestor: bool
    """A lemma of a synset above it, but not of one that holds nearly everything."""
    sibling: bool
    """A lemma of another synset that shares a parent with it."""
    closeness: float
    """Of the nearest synset named, in [0, 1]: 1 for the class itself, 0 where none was named."""


NOTHING = ClassMention(exact=False, ancestor=False, sibling=False, closeness=0.0)


class ClassFinder:
    """Looks for a class in texts. Reading the taxonomy takes a fraction of a second, each text less than a millisecond.

    Args:
        taxonomy: that knows the classes.
    """

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._children = _children_of(taxonomy)
        self._general = frozenset(_find_general(taxonomy, self._children))
        self._names = _names_of(taxonomy)
        self._longer = _longer_names(self._names)
        self._tables: dict[str, PhraseTable[ClassMention]] = {}

    def find(self, wnid: str, text: str) -> ClassMention:
        """What a text says of a class.

        Raises:
            ConfigError: the synset is unknown.
        """
        exact = ancestor = sibling = False
        closeness = 0.0
        for found in self._table(wnid).find(to_phrase(text)):
            exact |= found.exact
            ancestor |= found.ancestor
            sibling |= found.sibling
            closeness = max(closeness, found.closeness)
        return ClassMention(exact, ancestor, sibling, closeness)

    def _table(self, wnid: str) -> PhraseTable[ClassMention]:
        if wnid not in self._tables:
            if len(self._tables) >= _TABLES_KEPT:
                self._tables.clear()
            self._tables[wnid] = self._make_table(wnid)
        return self._tables[wnid]

    def _make_table(self, wnid: str) -> PhraseTable[ClassMention]:
        synset = self._taxonomy[wnid]
        meanings: dict[Phrase, tuple[str, ClassMention]] = {}
        for relative, mention in self._relatives(synset):
            meanings |= dict.fromkeys(_phrases_of(relative), (relative.wnid, mention))
        known = {phrase: mention for phrase, (_, mention) in meanings.items()}
        return PhraseTable({**dict(self._disguises(meanings)), **known})

    def _relatives(self, synset: Synset) -> Iterator[tuple[Synset, ClassMention]]:
        """The synsets that count and what each says, the most telling last: what one word means is decided by it."""
        above = self._taxonomy.ancestors(synset.wnid)
        beside: dict[str, float] = {}
        for parent in set(synset.parents) - self._general:
            for wnid in self._children[parent]:
                closeness = _likeness(self._taxonomy[parent], synset, self._taxonomy[wnid])
                beside[wnid] = max(closeness, beside.get(wnid, 0.0))
        for wnid in above | {synset.wnid}:
            beside.pop(wnid, None)
        for wnid, closeness in sorted(beside.items(), key=lambda entry: entry[::-1]):
            yield self._taxonomy[wnid], NOTHING._replace(sibling=True, closeness=closeness)
        for wnid in sorted(above & self._general):
            yield self._taxonomy[wnid], NOTHING
        for ancestor in sorted(map(self._taxonomy.__getitem__, above - self._general), key=_by_depth):
            yield ancestor, NOTHING._replace(ancestor=True, closeness=_likeness(ancestor, synset, ancestor))
        yield synset, NOTHING._replace(exact=True, closeness=1.0)

    def _disguises(self, meanings: Mapping[Phrase, tuple[str, ClassMention]]) -> Iterator[tuple[Phrase, ClassMention]]:
        """Longer names that hold one that counts: nothing in "hot dog", but still a dog in "hunting dog"."""
        for longer in {longer for phrase in meanings for longer in self._longer.get(phrase, ())}:
            above = frozenset[str]().union(*map(self._taxonomy.ancestors, self._names[longer]))
            inside = [meanings[part] for part in parts(longer) if part in meanings]
            kinds = [mention for wnid, mention in inside if wnid in above]
            yield longer, max(kinds, key=lambda mention: mention.closeness, default=NOTHING)


def _by_depth(synset: Synset) -> tuple[int, str]:
    return synset.depth, synset.wnid


def _likeness(shared: Synset, one: Synset, other: Synset) -> float:
    """Of two synsets that meet in a third, by the measure of Wu and Palmer.

    Depths are counted in nodes, so that the root has 1. From "Verb semantics and lexical selection", ACL 1994.
    """
    return 2 * (shared.depth + 1) / (one.depth + other.depth + 2)


def _children_of(taxonomy: Taxonomy) -> dict[str, list[str]]:
    children: defaultdict[str, list[str]] = defaultdict(list)
    for wnid in taxonomy:
        for parent in taxonomy[wnid].parents:
            children[parent].append(wnid)
    return dict(children)


def _find_general(taxonomy: Taxonomy, children: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Synsets that hold too many classes. They hold no fewer than any below them, so one goes down from the roots."""
    limit = GENERAL_SHARE * sum(taxonomy.label(wnid) is not None for wnid in taxonomy)
    frontier = [wnid for wnid in taxonomy if not taxonomy[wnid].parents]
    seen = set(frontier)
    while frontier:
        wnid = frontier.pop()
        if sum(taxonomy.label(below) is not None for below in taxonomy.subtree(wnid)) > limit:
            yield wnid
            frontier += (new := set(children.get(wnid, ())) - seen)
            seen |= new


def _phrases_of(synset: Synset) -> set[Phrase]:
    return {phrase for phrase in map(to_phrase, synset.lemmas) if phrase and phrase[0] not in NO_NAMES}


def _names_of(taxonomy: Taxonomy) -> dict[Phrase, list[str]]:
    """What each name of the taxonomy may mean."""
    names: defaultdict[Phrase, list[str]] = defaultdict(list)
    for wnid in taxonomy:
        for phrase in _phrases_of(taxonomy[wnid]):
            names[phrase].append(wnid)
    return dict(names)


def _longer_names(names: Iterable[Phrase]) -> dict[Phrase, list[Phrase]]:
    """Of every name, those that hold it and more, and hide it in a text."""
    known = frozenset(names)
    longer: defaultdict[Phrase, list[Phrase]] = defaultdict(list)
    for name in sorted(name for name in known if LINKS.isdisjoint((name[0], name[-1]))):
        for part in set(parts(name)) & known:
            longer[part].append(name)
    return dict(longer)
