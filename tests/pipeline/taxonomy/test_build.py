"""The script that makes the table."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from pipeline.taxonomy import RELEASES, Taxonomy, load_taxonomy
from pipeline.taxonomy.build import CLASS_LISTS, main
from pipeline.taxonomy.table import parse_table

REPOSITORY = Path(__file__).parents[3]
COMMITTED = REPOSITORY / "pipeline" / "taxonomy" / "synsets.tsv.gz"
LICENCE = REPOSITORY / "THIRD_PARTY" / "WORDNET-3.0-LICENSE.txt"
DATA_NOUN = Path("/usr/share/wordnet/data.noun")
CLASS_LISTS_VARIABLE = "IMAGENET_THINK_CLASS_LISTS"

NOTICE = "  1 All rights reserved.  \n"
NOUNS = {
    "entity": "03 n 01 entity 0 000 | what there is",
    "animal": '05 n 01 animal 0 001 @ {entity} n 0000 | a beast; "an ox"',
    "dog": "05 n 02 dog 0 house_dog 0 003 @ {animal} n 0000 @ {pet} n 0000 ~ {dodo} n 0000 | it barks",
    "pet": "05 n 01 pet 0 001 @ {companion} n 0000 | one of the household",
    "companion": "06 n 01 companion 0 001 @ {animal} n 0000 | one who is there",
    "dodo": "05 n 01 dodo 0 001 @ {animal} n 0000 | it is gone",
}


def write_data_noun(path: Path, nouns: dict[str, str], notice: str = NOTICE) -> dict[str, str]:
    """Write nouns whose bodies name others in braces; return the wnid of each."""
    anywhere = dict.fromkeys(nouns, "00000000")
    offsets, position = {}, len(notice)
    for name, body in nouns.items():
        offsets[name] = f"{position:08}"
        position += len(f"00000000 {body.format(**anywhere)}  \n")
    path.write_text(notice + "".join(f"{offsets[name]} {body.format(**offsets)}  \n" for name, body in nouns.items()))
    return {name: f"n{offset}" for name, offset in offsets.items()}


def write_class_lists(folder: Path, *wnids: str) -> None:
    folder.mkdir()
    for name in CLASS_LISTS.values():
        (folder / name).write_text("".join(f"{wnid}\n" for wnid in wnids))


def build(folder: Path) -> bytes:
    out = folder / "out" / "synsets.tsv.gz"
    main(["--data-noun", str(folder / "data.noun"), "--class-lists", str(folder / "lists"), "--out", str(out)])
    return out.read_bytes()


def build_small(folder: Path) -> tuple[Taxonomy, dict[str, str]]:
    wnids = write_data_noun(folder / "data.noun", NOUNS)
    write_class_lists(folder / "lists", wnids["dog"])
    return parse_table(gzip.decompress(build(folder))), wnids


def failure_of(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the script says when it fails, on one line."""
    with pytest.raises(SystemExit) as caught:
        build(folder)
    assert caught.value.code != 0
    assert not list(folder.glob("out/*"))
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    return message


def test_the_table_holds_the_classes_and_everything_above_them_and_nothing_else(tmp_path: Path) -> None:
    taxonomy, wnids = build_small(tmp_path)
    assert set(taxonomy) == set(wnids.values()) - {wnids["dodo"]}
    assert taxonomy[wnids["dog"]].releases == set(RELEASES)
    assert taxonomy[wnids["pet"]].releases == set()


def test_a_row_is_what_wordnet_says_with_spaces_for_underscores(tmp_path: Path) -> None:
    taxonomy, wnids = build_small(tmp_path)
    dog = taxonomy[wnids["dog"]]
    assert dog.lemmas == ("dog", "house dog")
    assert dog.definition == "it barks"
    assert dog.parents == (wnids["animal"], wnids["pet"])
    assert dog.lexname == "noun.animal"
    assert dog.domain == "organism"


def test_depth_follows_the_longest_path(tmp_path: Path) -> None:
    taxonomy, wnids = build_small(tmp_path)
    depths = {name: taxonomy[wnids[name]].depth for name in ("entity", "animal", "companion", "pet", "dog")}
    assert depths == {"entity": 0, "animal": 1, "companion": 2, "pet": 3, "dog": 4}


def test_two_builds_give_the_same_bytes(tmp_path: Path) -> None:
    build_small(tmp_path)
    assert build(tmp_path) == build(tmp_path)


def test_the_file_has_no_time_stamp() -> None:
    magic, time_stamp = COMMITTED.read_bytes()[:2], COMMITTED.read_bytes()[4:8]
    assert (magic, time_stamp) == (b"\x1f\x8b", bytes(4))


@pytest.mark.parametrize("missing", ["data.noun", f"lists/{CLASS_LISTS['1k']}"])
def test_a_missing_source_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str) -> None:
    build_small(tmp_path)
    (tmp_path / "out" / "synsets.tsv.gz").unlink()
    (tmp_path / missing).unlink()
    assert f"cannot read {tmp_path / missing}: No such file" in failure_of(tmp_path, capsys)


def test_a_source_without_the_licence_notice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wnids = write_data_noun(tmp_path / "data.noun", NOUNS, notice="")
    write_class_lists(tmp_path / "lists", wnids["dog"])
    assert "does not begin with WordNet's licence notice" in failure_of(tmp_path, capsys)


def test_a_class_that_wordnet_lacks_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_data_noun(tmp_path / "data.noun", NOUNS)
    write_class_lists(tmp_path / "lists", "n00000001", "n00000002")
    message = failure_of(tmp_path, capsys)
    assert "WordNet lacks 2 of the classes of fall11, n00000001 first" in message
    assert "take data.noun of WordNet 3.0" in message


def test_a_missing_hypernym_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nouns = {"orphan": "05 n 01 orphan 0 001 @ 00000001 n 0000 | it has no parent"}
    write_class_lists(tmp_path / "lists", write_data_noun(tmp_path / "data.noun", nouns)["orphan"])
    assert "WordNet holds no n00000001, which is above other synsets" in failure_of(tmp_path, capsys)


def test_synsets_above_themselves_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nouns = {
        "hen": "05 n 01 hen 0 001 @ {egg} n 0000 | it comes from an egg",
        "egg": "05 n 01 egg 0 001 @ {hen} n 0000 | it comes from a hen",
    }
    wnids = write_data_noun(tmp_path / "data.noun", nouns)
    write_class_lists(tmp_path / "lists", wnids["hen"])
    message = failure_of(tmp_path, capsys)
    assert "these synsets are above themselves" in message
    assert all(wnid in message for wnid in wnids.values())


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["n00000027", "tench"], "line 2: 'tench' is not a wnid"),
        (["n00000027", ""], "line 2: '' is not a wnid"),
        (["n00000027", "n00000027"], "line 2: n00000027 stands twice"),
    ],
)
def test_a_malformed_class_list_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[str], fault: str
) -> None:
    write_data_noun(tmp_path / "data.noun", NOUNS)
    write_class_lists(tmp_path / "lists", *lines)
    message = failure_of(tmp_path, capsys)
    assert fault in message
    assert "timm 1.0.31" in message


def test_an_output_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build_small(tmp_path)
    (tmp_path / "out" / "synsets.tsv.gz").unlink()
    (tmp_path / "out").rmdir()
    (tmp_path / "out").write_text("a file where a folder should be")
    assert f"cannot write {tmp_path / 'out' / 'synsets.tsv.gz'}" in failure_of(tmp_path, capsys)


def test_the_notice_goes_with_the_table() -> None:
    head = [line for line in gzip.decompress(COMMITTED.read_bytes()).decode().splitlines() if line.startswith("#")]
    notice = "\n".join(line.removeprefix("#").removeprefix(" ") for line in head)
    assert "that the same appear on ALL copies" in notice
    assert notice in LICENCE.read_text(encoding="ascii")


def test_the_committed_table_is_what_the_sources_give(tmp_path: Path) -> None:
    class_lists = os.environ.get(CLASS_LISTS_VARIABLE)
    if not DATA_NOUN.exists():
        pytest.skip(f"{DATA_NOUN} is not here; Debian's package wordnet-base brings it")
    if class_lists is None:
        pytest.skip(f"{CLASS_LISTS_VARIABLE} does not name a folder of class lists (timm 1.0.31's timm/data/_info)")
    out = tmp_path / "synsets.tsv.gz"
    main(["--data-noun", str(DATA_NOUN), "--class-lists", class_lists, "--out", str(out)])
    # Unpacked, since two versions of zlib may pack the same bytes differently.
    assert gzip.decompress(out.read_bytes()) == gzip.decompress(COMMITTED.read_bytes())
    assert parse_table(gzip.decompress(out.read_bytes())).sha256 == load_taxonomy().sha256
