"""The table that ships: what is known of ImageNet-21k's classes must come out of it.

The counts were taken beforehand from WordNet 3.0 and the published class lists, with a script that shares no code with
this package.
"""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.taxonomy import Taxonomy, load_taxonomy
from pipeline.taxonomy.domains import domain_of

ENTITY, PERSON, VIRUS = "n00001740", "n00007846", "n01328702"
NAMED_PEOPLE = {"n10994097": "Genet", "n11196627": "Munro", "n11318824": "Stoker"}


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load_taxonomy()


@pytest.fixture(scope="module")
def fall11(taxonomy: Taxonomy) -> set[str]:
    return classes_of(taxonomy, "fall11")


def classes_of(taxonomy: Taxonomy, release: str) -> set[str]:
    return {wnid for wnid in taxonomy if release in taxonomy[wnid].releases}


def test_n01440764_is_tench(taxonomy: Taxonomy) -> None:
    tench = taxonomy["n01440764"]
    assert tench.lemmas == ("tench", "Tinca tinca")
    assert tench.definition.startswith("freshwater dace-like game fish of Europe and western Asia")
    assert tench.domain == "animal"
    assert tench.lexname == "noun.animal"
    assert {"fall11", "winter21-p", "1k"} <= tench.releases


@pytest.mark.parametrize(
    ("release", "classes"),
    [
        ("fall11", 21_841),
        ("winter21-p", 10_450),
        ("fall11-p", 11_221),
        ("12k", 11_821),
        ("1k", 1_000),
        ("google", 21_843),
        ("microsoft", 21_842),
    ],
)
def test_every_class_of_every_release_is_known(taxonomy: Taxonomy, release: str, classes: int) -> None:
    assert len(classes_of(taxonomy, release)) == classes


def test_releases_differ_from_fall11_in_three_known_extras(taxonomy: Taxonomy, fall11: set[str]) -> None:
    assert classes_of(taxonomy, "google") - fall11 == {"n03931044", "n09859684"}
    assert classes_of(taxonomy, "microsoft") - fall11 == {"n04399382"}
    assert classes_of(taxonomy, "1k") - fall11 == {"n04399382"}
    assert fall11 >= classes_of(taxonomy, "fall11-p") >= classes_of(taxonomy, "winter21-p")
    assert len(classes_of(taxonomy, "1k") & classes_of(taxonomy, "winter21-p")) == 991


def test_what_21k_p_lost_in_winter_2021_are_persons(taxonomy: Taxonomy) -> None:
    lost = classes_of(taxonomy, "fall11-p") - classes_of(taxonomy, "winter21-p")
    assert len(lost) == 771
    assert lost <= taxonomy.subtree(PERSON)


@pytest.mark.parametrize(
    ("root", "name", "fall11", "winter21_p", "twelve_k", "one_k"),
    [
        ("n00007846", "person", 2836, 105, 964, 3),
        ("n00015388", "animal", 3822, 2229, 2314, 398),
        ("n01861778", "mammal", 1138, 693, 725, 218),
        ("n01503061", "bird", 856, 679, 689, 59),
        ("n02512053", "fish", 566, 227, 238, 16),
        ("n02159955", "insect", 435, 190, 207, 27),
        ("n01661091", "reptile", 268, 168, 171, 36),
        ("n01627424", "amphibian", 94, 48, 52, 8),
        ("n00017222", "plant", 3776, 1650, 1763, 2),
        ("n13104059", "tree", 993, 487, 514, 0),
        ("n12992868", "fungus", 299, 110, 115, 7),
        ("n00021939", "artifact", 7895, 4650, 4868, 522),
        ("n03575240", "instrumentality", 4967, 2837, 2980, 358),
        ("n04341686", "structure", 1239, 762, 791, 58),
        ("n03122748", "covering", 946, 637, 660, 90),
        ("n03051540", "clothing", 533, 366, 378, 49),
        ("n00021265", "food", 1495, 821, 881, 26),
        ("n07555863", "food", 536, 315, 330, 27),
        ("n07881800", "beverage", 331, 215, 228, 4),
        ("n00019128", "natural object", 552, 251, 263, 17),
        ("n09287968", "geological formation", 151, 89, 92, 10),
        ("n00523513", "sport", 166, 139, 142, 0),
        ("n00407535", "activity", 167, 139, 142, 0),
        ("n00027167", "location", 180, 72, 74, 1),
        ("n00019613", "substance", 398, 247, 263, 5),
        ("n05220461", "body part", 22, 12, 12, 0),
        ("n00024264", "attribute", 272, 135, 144, 1),
    ],
)
def test_subtrees_hold_the_known_number_of_classes(
    taxonomy: Taxonomy, root: str, name: str, fall11: int, winter21_p: int, twelve_k: int, one_k: int
) -> None:
    below = taxonomy.subtree(root)
    releases = ("fall11", "winter21-p", "12k", "1k")
    assert taxonomy[root].lemmas[0] == name
    assert [len(below & classes_of(taxonomy, release)) for release in releases] == [fall11, winter21_p, twelve_k, one_k]


def test_the_person_subtree_holds_three_named_people(taxonomy: Taxonomy, fall11: set[str]) -> None:
    below = taxonomy.subtree(PERSON)
    assert below >= NAMED_PEOPLE.keys()
    assert {wnid: taxonomy[wnid].lemmas[0] for wnid in NAMED_PEOPLE} == NAMED_PEOPLE
    # Winter 2021 took 2,674 of the classes strictly below person away and kept 158 (Yang et al., arXiv 1912.07726).
    strictly_below_by_hypernym = (below & fall11) - {PERSON} - NAMED_PEOPLE.keys()
    assert len(strictly_below_by_hypernym) == 2_674 + 158


@pytest.mark.parametrize(
    ("domain", "by_root", "in_table"),
    [
        ("artifact", 7893, 7934),
        ("animal", 3822, 3822),
        ("plant", 3776, 3793),
        ("person", 2836, 2836),
        ("food", 1858, 1859),
        ("natural_object", 354, 392),
        ("fungus", 299, 299),
        ("location", 171, 173),
        ("activity", 167, 170),
        ("geological_formation", 151, 151),
        ("substance", 16, 17),
        ("body_part", 11, 45),
        ("shape", 0, 115),
        ("organism", 0, 113),
        ("attribute", 0, 77),
        ("other", 487, 45),
    ],
)
def test_domains_have_the_known_sizes(
    taxonomy: Taxonomy, fall11: set[str], domain: str, by_root: int, in_table: int
) -> None:
    alone = Counter(domain_of({wnid} | taxonomy.ancestors(wnid), lexname="") for wnid in fall11)
    assert alone[domain] == by_root
    assert sum(taxonomy[wnid].domain == domain for wnid in fall11) == in_table


def test_viruses_are_organisms_and_no_animals(taxonomy: Taxonomy) -> None:
    assert {taxonomy[wnid].domain for wnid in taxonomy.subtree(VIRUS)} == {"organism"}


def test_depth_is_the_longest_path_to_entity(taxonomy: Taxonomy) -> None:
    for wnid in taxonomy:
        above = [taxonomy[parent].depth for parent in taxonomy[wnid].parents]
        assert taxonomy[wnid].depth == (1 + max(above) if above else 0)


def test_classes_lie_3_to_19_deep_and_mostly_9_or_10(taxonomy: Taxonomy, fall11: set[str]) -> None:
    depths = Counter(taxonomy[wnid].depth for wnid in fall11)
    assert (min(depths), max(depths)) == (3, 19)
    assert {depth for depth, _ in depths.most_common(2)} == {9, 10}


@pytest.mark.parametrize(("release", "above_others", "leaves"), [("fall11", 4588, 17253), ("winter21-p", 2330, 8120)])
def test_classes_stand_above_classes(taxonomy: Taxonomy, release: str, above_others: int, leaves: int) -> None:
    classes = classes_of(taxonomy, release)
    ancestors = frozenset().union(*map(taxonomy.ancestors, classes))
    assert len(classes & ancestors) == above_others
    assert len(classes - ancestors) == leaves


def test_453_classes_have_several_parents(taxonomy: Taxonomy, fall11: set[str]) -> None:
    assert sum(len(taxonomy[wnid].parents) > 1 for wnid in fall11) == 453


def test_first_lemmas_do_not_name_classes(taxonomy: Taxonomy, fall11: set[str]) -> None:
    first_lemmas = [taxonomy[wnid].lemmas[0] for wnid in fall11]
    assert len(set(first_lemmas)) == 20_099
    assert len({lemma.lower() for lemma in first_lemmas}) == 20_068


def test_the_table_is_closed_under_parents_and_meets_at_entity(taxonomy: Taxonomy) -> None:
    assert len(taxonomy) == 21_844 + 1_704
    assert all(parent in taxonomy for wnid in taxonomy for parent in taxonomy[wnid].parents)
    assert [wnid for wnid in taxonomy if not taxonomy[wnid].parents] == [ENTITY]


def test_no_synset_is_above_itself(taxonomy: Taxonomy) -> None:
    assert not [wnid for wnid in taxonomy if wnid in taxonomy.ancestors(wnid)]


def test_nothing_is_in_the_table_without_a_class_at_or_below_it(taxonomy: Taxonomy) -> None:
    classes = {wnid for wnid in taxonomy if taxonomy[wnid].releases}
    assert classes.union(*map(taxonomy.ancestors, classes)) == set(taxonomy)


def test_every_synset_has_a_lemma_and_a_definition_fit_to_read(taxonomy: Taxonomy) -> None:
    for synset in map(taxonomy.__getitem__, taxonomy):
        assert synset.lemmas
        assert not any("_" in lemma for lemma in synset.lemmas)
        assert synset.definition
        assert synset.definition.strip(' ;:"') == synset.definition


def test_labels_are_positions_in_fall11_with_the_extras_behind(taxonomy: Taxonomy, fall11: set[str]) -> None:
    assert [taxonomy.label(wnid) for wnid in sorted(fall11)] == list(range(21_841))
    extras = ["n03931044", "n04399382", "n09859684"]
    assert [taxonomy.label(wnid) for wnid in extras] == [21_841, 21_842, 21_843]
    assert taxonomy.label(ENTITY) is None


def test_the_taxonomy_is_read_once() -> None:
    assert load_taxonomy() is load_taxonomy()
