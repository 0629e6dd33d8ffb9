"""A taxonomy of a handful of synsets: order, edges, labels, errors, and the table it is written to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.taxonomy import RELEASES, Synset, Taxonomy
from pipeline.taxonomy.table import COLUMNS, format_table, parse_table
from schemas.errors import ConfigError


def synset(number: int, *parents: int, releases: frozenset[str] = frozenset()) -> Synset:
    return Synset(
        wnid=wnid(number),
        lemmas=("a lemma", "another"),
        definition="a thing; or two",
        parents=tuple(map(wnid, parents)),
        depth=number,
        domain="other",
        lexname="noun.Tops",
        releases=releases,
    )


def wnid(number: int) -> str:
    return f"n{number:08}"


def diamond() -> Taxonomy:
    """4 stands below 2 and 3, which stand below 1; 5 stands below 1 alone."""
    return Taxonomy([synset(4, 2, 3), synset(3, 1), synset(5, 1), synset(1), synset(2, 1)], sha256="0" * 64)


def test_synsets_come_in_order_of_wnid() -> None:
    assert list(diamond()) == [wnid(number) for number in (1, 2, 3, 4, 5)]
    assert len(diamond()) == 5


def test_ancestors_are_reached_over_every_parent_and_leave_the_synset_out() -> None:
    assert diamond().ancestors(wnid(4)) == {wnid(1), wnid(2), wnid(3)}
    assert diamond().ancestors(wnid(1)) == frozenset()


def test_a_subtree_holds_its_root_and_everything_below() -> None:
    assert diamond().subtree(wnid(3)) == {wnid(3), wnid(4)}
    assert diamond().subtree(wnid(5)) == {wnid(5)}
    assert diamond().subtree(wnid(1)) == set(diamond())


@pytest.mark.parametrize("ask", [Taxonomy.__getitem__, Taxonomy.ancestors, Taxonomy.subtree])
def test_an_unknown_synset_is_named_with_the_remedy(ask: Callable[[Taxonomy, str], object]) -> None:
    with pytest.raises(ConfigError) as caught:
        ask(diamond(), "n99999999")
    assert "unknown synset 'n99999999'" in str(caught.value)
    assert "WordNet 3.0 noun synset" in caught.value.remedy
    assert "n99999999" not in diamond()


def test_labels_number_fall11_first_then_the_classes_that_only_others_hold() -> None:
    taxonomy = Taxonomy(
        [
            synset(1),
            synset(2, 1, releases=frozenset({"microsoft"})),
            synset(3, 1, releases=frozenset({"fall11", "google"})),
            synset(4, 1, releases=frozenset({"1k"})),
            synset(5, 1, releases=frozenset({"fall11"})),
        ],
        sha256="0" * 64,
    )
    assert [taxonomy.label(name) for name in taxonomy] == [None, 2, 0, 3, 1]


def test_a_table_starts_with_the_notice_and_names_its_columns() -> None:
    lines = format_table([synset(1)], ["All rights", "", "reserved"]).decode().splitlines()
    assert lines[:3] == ["# All rights", "#", "# reserved"]
    assert lines[3] == "\t".join(COLUMNS)
    assert lines[4] == "n00000001\ta_lemma another\ta thing; or two\t\t1\tother\tnoun.Tops\t0"


def test_a_table_does_not_depend_on_the_order_of_its_synsets() -> None:
    synsets = [synset(1), synset(2, 1), synset(3, 1)]
    assert format_table(synsets, []) == format_table(reversed(synsets), [])


def test_a_taxonomy_names_the_table_it_was_read_from() -> None:
    table = format_table([synset(1)], ["notice"])
    assert parse_table(table).sha256 == hashlib.sha256(table).hexdigest()


_LEMMAS = st.from_regex(r"[A-Za-z0-9'./-]+( [A-Za-z0-9'./-]+)*", fullmatch=True)
_TEXT = st.text(st.characters(exclude_characters="\t\n", exclude_categories=["Cs"]))
_SYNSETS = st.lists(
    st.builds(
        Synset,
        wnid=st.integers(0, 10**8 - 1).map(wnid),
        lemmas=st.lists(_LEMMAS, min_size=1, max_size=3).map(tuple),
        definition=_TEXT,
        parents=st.lists(st.integers(0, 10**8 - 1).map(wnid), max_size=3).map(tuple),
        depth=st.integers(0, 20),
        domain=st.sampled_from(["animal", "natural_object"]),
        lexname=st.sampled_from(["noun.Tops", "noun.animal"]),
        releases=st.frozensets(st.sampled_from(RELEASES)),
    ),
    max_size=5,
    unique_by=lambda synset: synset.wnid,
)


@given(synsets=_SYNSETS, notice=st.lists(_TEXT, max_size=2))
def test_what_is_written_is_read_back(synsets: list[Synset], notice: list[str]) -> None:
    taxonomy = parse_table(format_table(synsets, notice))
    assert [taxonomy[name] for name in taxonomy] == sorted(synsets, key=lambda synset: synset.wnid)
