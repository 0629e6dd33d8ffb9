"""Sorts synsets into a few domains that a reader of a statistic understands.

WordNet is no tree: a synset can be a food, a substance and a natural object at once. The domain is that of the first
root below which it stands, in the order of ``ROOTS``. A synset below none of them gets the domain of its lexicographer
file, as far as that file tells one.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

ROOTS: dict[str, str] = {
    "n00007846": "person",
    "n00015388": "animal",
    "n00017222": "plant",
    "n12992868": "fungus",
    "n00021265": "food",  # food, nutrient
    "n07555863": "food",  # food, solid food: vegetables and fruit, which the root above leaves out
    "n00021939": "artifact",
    "n09287968": "geological_formation",
    "n00019128": "natural_object",
    "n05220461": "body_part",
    "n00407535": "activity",
    "n00027167": "location",
    "n00019613": "substance",
}
"""Root synset to domain, first match first."""

LEXNAMES: dict[str, str] = {
    "noun.act": "activity",
    "noun.animal": "organism",  # no animal, else the root had matched: microbes, algae, viruses
    "noun.artifact": "artifact",
    "noun.attribute": "attribute",
    "noun.body": "body_part",
    "noun.food": "food",
    "noun.location": "location",
    "noun.object": "natural_object",
    "noun.plant": "plant",
    "noun.shape": "shape",
    "noun.substance": "substance",
}
"""Lexicographer file to domain, for synsets below no root."""

OTHER = "other"
"""The domain of what is left: groups, signs, states and the like."""


def domain_of(lineage: AbstractSet[str], lexname: str) -> str:
    """The domain of a synset, from its own wnid and those of all its ancestors."""
    for root, domain in ROOTS.items():
        if root in lineage:
            return domain
    return LEXNAMES.get(lexname, OTHER)
