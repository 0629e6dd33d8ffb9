"""Scoring as a whole: from a file of predictions to the same bytes everywhere, or to one clear refusal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from eval.benchmark.storage import Benchmark
from eval.scoring import ScoreOptions, score
from pipeline.files import held
from pipeline.progress import Silent
from schemas.benchmark import BenchmarkItem
from schemas.errors import ConfigError, DatasetError, ImageNetThinkError
from schemas.scores import PER_UNIT, Figure, ScoreSummary
from tests.eval.world import GLM, KIMI, make_benchmark, make_item, write_benchmark

GOLDEN = Path(__file__).with_name("golden_figures.txt")
FILES = ["items.parquet", "report.html", "report.md", "summary.json"]


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return make_benchmark(tmp_path_factory.mktemp("benchmark"), 12)


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def answer(item: BenchmarkItem) -> dict[str, str]:
    """A prediction that sees half of the classes."""
    name = item.lemmas[0] if int(item.key[-1]) % 2 else "thing"
    return {"key": item.key, "raw": f"<think>I see a {name} in it.</think><answer>A picture of a {name}.</answer>"}


def run(benchmark: Benchmark, predictions: Path, out: Path, **options: Any) -> ScoreSummary:
    return score(benchmark, predictions, out, ScoreOptions("a-model", **{"workers": 1, **options}), Silent())


def run_all(benchmark: Benchmark, place: Path, records: Sequence[dict[str, Any]], **options: Any) -> ScoreSummary:
    return run(benchmark, write_lines(place / "p.jsonl", records), place / "out", **options)


def figure(summary: ScoreSummary, name: str) -> Figure:
    return next(figure for figure in summary.figures if figure.name == name)


def test_figures_are_the_same_to_the_last_digit_as_ever(benchmark: Benchmark, tmp_path: Path) -> None:
    summary = run_all(benchmark, tmp_path, [answer(item) for item in benchmark.items()][:-1])
    assert "".join(f"{line}\n" for line in tell(summary)) == GOLDEN.read_text()


def tell(summary: ScoreSummary) -> Iterator[str]:
    for one in summary.figures:
        anchors = f"{one.anchors.floor} {one.anchors.label_only} {one.anchors.ceiling} {one.position}"
        yield f"{one.name} {one.value} {one.interval.low} {one.interval.high} {one.without_missing} {anchors}"
    for each in summary.groups:
        yield f"{each.by} {each.group} {each.name} {each.items} {each.value} {each.interval.low} {each.interval.high}"


def test_four_files_are_written_and_the_summary_is_one_of_them(benchmark: Benchmark, tmp_path: Path) -> None:
    summary = run_all(benchmark, tmp_path, [answer(item) for item in benchmark.items()])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    assert ScoreSummary.model_validate_json((tmp_path / "out" / "summary.json").read_bytes()) == summary


@pytest.mark.slow
def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path / "benchmark", 80)
    predictions = write_lines(tmp_path / "p.jsonl", [answer(item) for item in benchmark.items()])
    for workers in (1, 2, 3):
        run(benchmark, predictions, tmp_path / str(workers), workers=workers)
    for name in FILES:
        assert len({(tmp_path / str(workers) / name).read_bytes() for workers in (1, 2, 3)}) == 1


def test_the_order_of_lines_does_not_matter(benchmark: Benchmark, tmp_path: Path) -> None:
    records = [answer(item) for item in benchmark.items()]
    for name, ordered in (("one", records), ("other", records[::-1])):
        (tmp_path / name).mkdir()
        run_all(benchmark, tmp_path / name, ordered)
    one, other = ((tmp_path / name / "out" / "summary.json").read_bytes() for name in ("one", "other"))
    assert one == other


def test_items_stand_in_the_benchmarks_order_and_add_up_to_the_figures(benchmark: Benchmark, tmp_path: Path) -> None:
    summary = run_all(benchmark, tmp_path, [answer(item) for item in benchmark.items()])
    table = pq.read_table(tmp_path / "out" / "items.parquet")
    items = list(benchmark.items())
    assert table.column("key").to_pylist() == [item.key for item in items]
    assert table.column("level").to_pylist() == [item.level for item in items]
    assert set(table.column("status").to_pylist()) == {"ok"}
    assert not any(column.null_count for column in table.columns)
    for each in summary.figures:
        values = [round(value * PER_UNIT) for value in table.column(each.name).to_pylist()]
        assert each.value == pytest.approx(sum(values) / len(values) / PER_UNIT, abs=1e-6)
        assert each.interval.low <= each.value <= each.interval.high


def test_a_missing_prediction_counts_as_zero_and_the_figure_without_it_stands_beside(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    records = [
        {"key": item.key, "thinking": item.references[0].thinking, "answer": item.references[0].answer}
        for item in benchmark.items()
    ][:9]
    summary = run_all(benchmark, tmp_path, records)
    best = figure(summary, "answer_rougeL_best")
    assert (best.value, best.without_missing) == (0.75, 1.0)
    assert summary.keys.missing == 3
    assert summary.statuses == {"given": 9}
    rows = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()[9:]
    assert all(row["status"] == "missing" and not row["predicted"] and not row["answer_words"] for row in rows)


def test_a_baselines_predictions_stand_at_the_floor(benchmark: Benchmark, tmp_path: Path) -> None:
    summary = run(benchmark, benchmark.baseline_file("pixels"), tmp_path / "out")
    for each in summary.figures:
        assert each.value == each.anchors.floor
        assert each.position in (0, None)
    assert figure(summary, "answer_rouge1").position == 0


def test_teachers_stand_at_the_ceiling_on_average(benchmark: Benchmark, tmp_path: Path) -> None:
    teachers = benchmark.manifest.teachers
    values = []
    for place, teacher in enumerate(teachers):
        texts = [(item.key, item.references[place]) for item in benchmark.items()]
        records = [{"key": key, "thinking": each.thinking, "answer": each.answer} for key, each in texts]
        out = tmp_path / teacher
        summary = run(benchmark, write_lines(tmp_path / "p.jsonl", records), out, exclude_references=(teacher,))
        assert summary.references == tuple(each for each in teachers if each != teacher)
        assert summary.excluded_references == (teacher,)
        values.append(figure(summary, "thinking_tfidf"))
    assert sum(each.value for each in values) / 2 == pytest.approx(values[0].anchors.ceiling, abs=1e-6)
    assert values[0].anchors.ceiling == values[1].anchors.ceiling


def test_the_ceiling_of_one_reference_is_what_the_others_score_against_it(benchmark: Benchmark, tmp_path: Path) -> None:
    records = [
        {"key": item.key, "thinking": item.references[1].thinking, "answer": item.references[1].answer}
        for item in benchmark.items()
    ]
    against = figure(run_all(benchmark, tmp_path, records), f"answer_rougeL@{GLM}")
    assert against.value == against.anchors.ceiling
    assert against.position == 1


def test_there_is_no_floor_without_pictures(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path / "benchmark", 6)
    files = {path: digest for path, digest in benchmark.manifest.files.items() if "pixels" not in path}
    manifest = benchmark.manifest.model_copy(update={"files": files}).signed()
    summary = run_all(Benchmark(benchmark.root, rewrite(benchmark.root, manifest)), tmp_path, [answer(make_item(0))])
    anchors = figure(summary, "answer_rougeL").anchors
    assert anchors.floor is None
    assert anchors.label_only is not None
    assert figure(summary, "answer_rougeL").position is None


def rewrite(root: Path, manifest: Any) -> Any:
    (root / "benchmark.json").write_bytes(manifest.model_dump_json().encode())
    return manifest


def test_groups_hold_all_items_between_them(benchmark: Benchmark, tmp_path: Path) -> None:
    summary = run_all(benchmark, tmp_path, [answer(item) for item in benchmark.items()])
    for by in ("level", "domain", "stratum"):
        groups = [group for group in summary.groups if group.by == by and group.name == "answer_rougeL"]
        assert sum(group.items for group in groups) == 12
        total = sum(group.value * group.items for group in groups) / 12
        assert total == pytest.approx(figure(summary, "answer_rougeL").value, abs=1e-6)
    assert [group.group for group in summary.groups if group.name == "format_ok"][:3] == ["image", "synset", "subtree"]


def test_references_written_by_no_model_are_told(tmp_path: Path) -> None:
    benchmark = make_benchmark(tmp_path / "benchmark", 6, engine="pixels")
    assert run_all(benchmark, tmp_path, [answer(make_item(0))]).measured_references


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"tags": "thonk"}, "there is no family 'thonk'"),
        ({"exclude_references": ("glm-4.1v-9b-thinkin",)}, f"did you mean {GLM}"),
        ({"exclude_references": (GLM, KIMI)}, "all of its references are excluded"),
        ({"model": "a\x1b[2J"}, "is no name for a model"),
    ],
)
def test_what_is_asked_amiss_is_refused(
    benchmark: Benchmark, tmp_path: Path, options: dict[str, Any], fault: str
) -> None:
    predictions = write_lines(tmp_path / "p.jsonl", [answer(make_item(0))])
    with pytest.raises(ConfigError, match=fault):
        score(benchmark, predictions, tmp_path / "out", ScoreOptions(**{"model": "m", **options}), Silent())
    assert not (tmp_path / "out").exists()


def test_bad_predictions_leave_earlier_scores_alone(benchmark: Benchmark, tmp_path: Path) -> None:
    run_all(benchmark, tmp_path, [answer(make_item(0))])
    before = (tmp_path / "out" / "summary.json").read_bytes()
    with pytest.raises(DatasetError, match=r"line 1: lacks the texts"):
        run_all(benchmark, tmp_path, [{"key": "k"}])
    assert (tmp_path / "out" / "summary.json").read_bytes() == before


def test_earlier_scores_are_replaced_and_strangers_are_not(benchmark: Benchmark, tmp_path: Path) -> None:
    run_all(benchmark, tmp_path, [answer(make_item(0))])
    out = tmp_path / "out"
    (out / ".items.parquet.1.tmp").touch()
    (out / ".scoring").touch()
    summary = run_all(benchmark, tmp_path, [answer(item) for item in benchmark.items()])
    assert summary.keys.missing == 0
    assert sorted(path.name for path in out.iterdir()) == FILES
    (out / "thesis.tex").touch()
    with pytest.raises(ConfigError, match=r"holds something else, thesis\.tex"):
        run_all(benchmark, tmp_path, [answer(make_item(0))])


def test_predictions_may_lie_where_the_scores_go(benchmark: Benchmark, tmp_path: Path) -> None:
    predictions = write_lines(tmp_path / "p.jsonl", [answer(make_item(0))])
    run(benchmark, predictions, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "p.jsonl"])


def test_two_scorings_do_not_share_a_folder(benchmark: Benchmark, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with held(out / ".scoring", RuntimeError), pytest.raises(ConfigError, match="is at work in it"):
        run_all(benchmark, tmp_path, [answer(make_item(0))])


def test_out_below_a_file_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    predictions = write_lines(tmp_path / "p.jsonl", [answer(make_item(0))])
    for out in (predictions, predictions / "out"):
        with pytest.raises(ConfigError):
            run(benchmark, predictions, out)


@pytest.mark.parametrize("path", ["tfidf.parquet", "baselines/pixels.jsonl", "data/test-00000-of-00001.parquet"])
@pytest.mark.parametrize("damage", [None, b"other"])
def test_a_damaged_benchmark_is_named(benchmark: Benchmark, tmp_path: Path, path: str, damage: bytes | None) -> None:
    copy = tmp_path / "benchmark"
    shutil.copytree(benchmark.root, copy)
    (copy / path).unlink()
    if damage:
        (copy / path).write_bytes(damage)
    with pytest.raises(ImageNetThinkError, match=rf"{path}: missing or damaged"):
        run_all(Benchmark(copy, benchmark.manifest), tmp_path, [answer(make_item(0))])


def test_texts_of_any_script_and_none_are_scored(tmp_path: Path) -> None:
    texts = (("猫がいる。", "猫"), ("…", "!"))
    benchmark = write_benchmark(tmp_path / "benchmark", [make_item(0, texts=texts), make_item(1)])
    records = [{"key": "n01440764_0", "thinking": "猫", "answer": ""}, {"key": "n02104280_1", "raw": "\ud800"}]
    summary = run_all(benchmark, tmp_path, records)
    assert figure(summary, "thinking_rougeL").value > 0
    assert figure(summary, "answer_rougeL").value == 0
    assert summary.statuses == {"given": 1, "invalid_unicode": 1}
