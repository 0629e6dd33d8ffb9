"""Leaderboards: who stands where, which differences are real, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eval.comparing import compare
from eval.comparing.writing import render_json, render_markdown
from eval.scoring.place import ITEMS_FILE, SUMMARY_FILE
from pipeline.progress import Silent
from schemas.comparison import Comparison, Pair
from schemas.errors import ConfigError, DatasetError, ImageNetThinkError
from tests.eval.comparing.world import GLM, ITEMS, KIMI, write_scores


def run(*directories: Path, by: str = "answer_rougeL") -> Comparison:
    return compare(directories, by, Silent())


def pair_of(comparison: Comparison) -> Pair:
    (pair,) = comparison.pairs
    return pair


def test_the_best_stands_first_and_clear_differences_are_real(tmp_path: Path) -> None:
    found = run(*(write_scores(tmp_path / name, quality) for name, quality in {"b": 0.3, "c": 0.6, "a": 0.45}.items()))
    assert [entry.model for entry in found.entries] == ["c", "a", "b"]
    assert found.entries[1].differs_from == ("c", "b")
    assert all(pair.real and pair.interval is not None and pair.interval.low > 0 for pair in found.pairs)


def test_two_equal_models_do_not_differ(tmp_path: Path) -> None:
    found = run(write_scores(tmp_path / "a", 0.4, model="same"), write_scores(tmp_path / "b", 0.4, model="same"))
    pair = pair_of(found)
    assert (pair.difference, pair.p, pair.p_adjusted, pair.real) == (0.0, 1.0, 1.0, False)
    assert found.entries[0].differs_from == ()


def test_models_called_alike_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    found = run(write_scores(tmp_path / "a", 0.4, model="same"), write_scores(tmp_path / "b", 0.5, model="same"))
    assert [entry.model for entry in found.entries] == [f"same ({tmp_path / name})" for name in ("b", "a")]


def test_one_model_alone_is_a_leaderboard(tmp_path: Path) -> None:
    found = run(write_scores(tmp_path / "a", 0.4))
    assert (len(found.entries), found.pairs) == (1, ())
    assert b"Differences" not in render_markdown(found)


def test_the_order_of_the_folders_changes_no_byte(tmp_path: Path) -> None:
    folders = [write_scores(tmp_path / name, quality) for name, quality in {"a": 0.3, "b": 0.3, "c": 0.32}.items()]
    one, other = run(*folders), run(*reversed(folders))
    assert render_json(one) == render_json(other)
    assert render_markdown(one) == render_markdown(other)


def test_more_pairs_make_each_p_value_larger(tmp_path: Path) -> None:
    folders = [write_scores(tmp_path / name, quality) for name, quality in {"a": 0.4, "b": 0.41, "c": 0.43}.items()]
    alone = pair_of(run(*folders[:2]))
    among = next(pair for pair in run(*folders).pairs if {pair.first, pair.second} == {"a", "b"})
    assert alone.p == alone.p_adjusted == among.p
    assert among.p_adjusted is not None
    assert among.p is not None
    assert among.p_adjusted >= among.p


def test_where_less_is_better_the_lowest_stands_first(tmp_path: Path) -> None:
    folders = [write_scores(tmp_path / name, quality) for name, quality in {"good": 0.9, "bad": 0.2}.items()]
    found = run(*folders, by="found_then_lost")
    assert found.lowest_first
    assert [entry.model for entry in found.entries] == ["good", "bad"]


def test_pairs_held_against_other_references_are_compared_on_the_common_ones(tmp_path: Path) -> None:
    both = write_scores(tmp_path / "both", 0.4, model="m", bonus=0.2)
    kimi = write_scores(tmp_path / "kimi", 0.4, model="m", references=[KIMI])
    found = run(both, kimi)
    pair = pair_of(found)
    assert found.mixed_references
    assert found.entries[0].figure.value > found.entries[1].figure.value + 0.09
    assert (pair.references, pair.difference) == ((KIMI,), 0.0)
    assert b"not all held against the same references" in render_markdown(found)


@pytest.mark.parametrize("by", ["answer_rougeL", "answer_rougeL_best"])
def test_pairs_without_a_common_reference_are_not_compared(by: str, tmp_path: Path) -> None:
    folders = [write_scores(tmp_path / name, 0.4, references=[name]) for name in (GLM, KIMI)]
    pair = pair_of(run(*folders, by=by))
    assert (pair.difference, pair.interval, pair.p, pair.p_adjusted, pair.real) == (None, None, None, None, False)
    assert b"not comparable" in render_markdown(run(*folders, by=by))


def test_what_needs_no_reference_is_compared_whatever_the_references(tmp_path: Path) -> None:
    folders = [write_scores(tmp_path / name, 0.4, references=[name]) for name in (GLM, KIMI)]
    found = run(*folders, by="answer_class_exact")
    assert (found.mixed_references, pair_of(found).references) == (False, ())
    assert pair_of(found).p is not None


def test_one_reference_alone_can_be_what_is_compared(tmp_path: Path) -> None:
    both, kimi = write_scores(tmp_path / "a", 0.4, bonus=0.2), write_scores(tmp_path / "b", 0.3, references=[KIMI])
    found = run(both, kimi, by=f"answer_rougeL@{KIMI}")
    assert not found.mixed_references
    assert pair_of(found).references == (KIMI,)


def test_missing_predictions_and_measured_references_are_said(tmp_path: Path) -> None:
    found = run(
        write_scores(tmp_path / "half", 0.4, missing=9, measured_references=True), write_scores(tmp_path / "a", 0.4)
    )
    said = render_markdown(found).decode()
    assert "Without a prediction for every item, which count as zero: half." in said
    assert "written by no model" in said


def test_it_is_said_where_missing_predictions_are_an_advantage(tmp_path: Path) -> None:
    found = run(
        write_scores(tmp_path / "half", 0.4, missing=45), write_scores(tmp_path / "a", 0.4), by="found_then_lost"
    )
    assert found.entries[0].model == "half"
    assert "count as zero, the best that there is by this measure: half." in render_markdown(found).decode()


def test_a_name_cannot_break_the_table(tmp_path: Path) -> None:
    said = render_markdown(run(write_scores(tmp_path / "a", 0.4, model="<b>|x\x1b[31m"))).decode()
    assert r"\<b\>\|x\\x1b\[31m" in said
    assert "\x1b" not in said


def test_the_json_is_a_comparison(tmp_path: Path) -> None:
    found = run(write_scores(tmp_path / "a", 0.4), write_scores(tmp_path / "b", 0.5))
    assert Comparison.model_validate_json(render_json(found)) == found


def refuse(kind: type[ImageNetThinkError], *directories: Path, by: str = "answer_rougeL") -> str:
    with pytest.raises(kind) as caught:
        run(*directories, by=by)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_scores_of_different_benchmarks_are_refused(tmp_path: Path) -> None:
    one, other = write_scores(tmp_path / "a", 0.4), write_scores(tmp_path / "b", 0.4, benchmark_sha256="b" * 64)
    assert f"{one} and {other}: are scores on different benchmarks" in refuse(ConfigError, one, other)


def test_a_measure_defined_differently_is_refused_and_others_are_not(tmp_path: Path) -> None:
    one, other = write_scores(tmp_path / "a", 0.4), write_scores(tmp_path / "b", 0.4, definitions={"tfidf": "cosine"})
    assert "define rougeL differently" in refuse(ConfigError, one, other)
    assert run(one, other, by="answer_tfidf").definition == "cosine"


def test_a_folder_named_twice_is_refused_however_it_is_written(tmp_path: Path) -> None:
    one = write_scores(tmp_path / "a", 0.4)
    (tmp_path / "link").symlink_to(one)
    assert "is named twice" in refuse(ConfigError, one, tmp_path / "link")


def test_a_measure_that_there_is_not_is_refused_with_those_like_it(tmp_path: Path) -> None:
    one = write_scores(tmp_path / "a", 0.4)
    assert "did you mean answer_rougeL" in refuse(ConfigError, one, by="anser_rougel")
    assert "see figures in summary.json" in refuse(ConfigError, one, by="qqqq")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def drop_column(path: Path) -> None:
    pq.write_table(pq.read_table(path).drop_columns(["answer_rougeL"]), path)


def drop_row(path: Path) -> None:
    pq.write_table(pq.read_table(path).slice(1), path)


def put_nan(path: Path) -> None:
    table = pq.read_table(path)
    place = table.column_names.index("answer_rougeL")
    pq.write_table(table.set_column(place, "answer_rougeL", [[float("nan")] * ITEMS]), path)


def drop_class(path: Path) -> None:
    table = pq.read_table(path)
    classes = pa.array([None, *table.column("wnid").to_pylist()[1:]], pa.string())
    pq.write_table(table.set_column(table.column_names.index("wnid"), "wnid", classes), path)


def put_older(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scores_version": "0\x1b"}))


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        (ITEMS_FILE, Path.unlink, "missing or damaged"),
        (ITEMS_FILE, truncate, "missing or damaged"),
        (ITEMS_FILE, drop_column, "it has no column answer_rougeL of double"),
        (ITEMS_FILE, drop_row, "are not of the same scoring"),
        (ITEMS_FILE, put_nan, "not every answer_rougeL is a number"),
        (ITEMS_FILE, drop_class, "not every item has its key and wnid"),
        (SUMMARY_FILE, Path.unlink, "holds no finished scores"),
        (SUMMARY_FILE, truncate, "is damaged, or of another version"),
        (SUMMARY_FILE, put_older, r"is of version 0\x1b; this reads 1"),
    ],
)
def test_damaged_scores_are_refused(name: str, damage: Callable[[Path], None], said: str, tmp_path: Path) -> None:
    one = write_scores(tmp_path / "a", 0.4)
    damage(one / name)
    assert said in refuse(DatasetError, one)


def test_scores_and_summary_of_different_scorings_are_refused(tmp_path: Path) -> None:
    one, other = write_scores(tmp_path / "a", 0.4), write_scores(tmp_path / "b", 0.5)
    (one / SUMMARY_FILE).write_bytes((other / SUMMARY_FILE).read_bytes())
    assert "are not of the same scoring" in refuse(DatasetError, one)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "nowhere: is no folder" in refuse(DatasetError, tmp_path / "nowhere")
