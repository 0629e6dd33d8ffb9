"""Which domain a synset falls into."""

from __future__ import annotations

from pipeline.taxonomy.domains import domain_of

PERSON, FOOD, SOLID_FOOD, NATURAL_OBJECT = "n00007846", "n00021265", "n07555863", "n00019128"


def test_the_first_root_of_the_list_wins() -> None:
    assert domain_of({NATURAL_OBJECT, SOLID_FOOD}, "noun.object") == "food"
    assert domain_of({FOOD, PERSON}, "noun.food") == "person"


def test_below_no_root_the_lexicographer_file_decides() -> None:
    assert domain_of({"n00000001"}, "noun.shape") == "shape"


def test_what_wordnet_files_under_animals_without_calling_it_one_is_an_organism() -> None:
    assert domain_of({"n00000001"}, "noun.animal") == "organism"


def test_a_file_that_tells_no_domain_leaves_other() -> None:
    assert domain_of({"n00000001"}, "noun.Tops") == "other"
