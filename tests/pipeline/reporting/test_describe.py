"""A report is what its selection's files say, counted."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.reporting import describe_selection, has_report, keep_report
from pipeline.reporting.words import explain_missed
from pipeline.tables import read_rows
from pipeline.taxonomy import load_taxonomy
from schemas.config import DomainShare
from schemas.errors import ConservationError, RunDirectoryError
from schemas.image import SPLITS
from schemas.manifest import Thresholds
from schemas.rejection import RejectReason, Stage
from schemas.selection_report import ClassGroup, QuotaLevel, ReportRow, SelectionReport
from tests.pipeline.reporting.world import (
    ASTRONAUT,
    DAHLIA,
    ROCKET,
    TABBY,
    TENCH,
    Told,
    lost,
    outcome,
    picture,
    small_selection,
    write_manifest,
)

NO_PILOT = Thresholds(pilot=0, complexity=(0.0, 0.0), sharpness=0.0)


def describe(told: Told, path: Path) -> SelectionReport:
    return describe_selection(told.write(path), load_taxonomy())


def test_classes_are_summed_up_by_domain_with_the_most_drawn_one_first(tmp_path: Path) -> None:
    report = describe(small_selection(), tmp_path)
    assert [group.model_dump() for group in report.domains] == [
        group | {"floor": 0.0, "cap": 1.0}
        for group in (
            {"name": "animal", "classes": 2, "drawn_from": 2, "indexed": 1260, "screened": 9, "usable": 8, "drawn": 7}
            | {"share": 7 / 8},
            {"name": "plant", "classes": 1, "drawn_from": 1, "indexed": 9, "screened": 9, "usable": 1, "drawn": 1}
            | {"share": 1 / 8},
            {"name": "person", "classes": 1, "drawn_from": 0, "indexed": 2, "screened": 0, "usable": 0, "drawn": 0}
            | {"share": 0.0},
        )
    ]


def test_a_domain_shows_its_bounds_even_when_the_source_holds_none_of_it(tmp_path: Path) -> None:
    told = small_selection()
    told.domains = {"animal": DomainShare(floor=0.25, cap=0.75), "fungus": DomainShare(cap=0.125)}
    bounds = {group.name: (group.floor, group.cap, group.classes) for group in describe(told, tmp_path).domains}
    assert bounds == {"animal": (0.25, 0.75, 2), "plant": (0, 1, 1), "person": (0, 1, 1), "fungus": (0, 0.125, 0)}


def test_depths_between_the_shallowest_and_the_deepest_all_have_a_line(tmp_path: Path) -> None:
    depths = describe(small_selection(), tmp_path).depths
    assert [(group.name, group.classes, group.drawn) for group in depths] == [
        ("8", 1, 0),
        ("9", 0, 0),
        ("10", 0, 0),
        ("11", 2, 5),
        ("12", 0, 0),
        ("13", 1, 3),
    ]


@pytest.mark.parametrize(
    ("indexed", "size"),
    [
        *((1, "1-9"), (9, "1-9"), (10, "10-49"), (49, "10-49"), (50, "50-199"), (199, "50-199"), (200, "200-499")),
        *((499, "200-499"), (500, "500-999"), (1000, "1000-1999"), (1999, "1000-1999"), (2000, "2000+")),
        (3047, "2000+"),
    ],
)
def test_a_class_counts_in_the_range_of_its_size(indexed: int, size: str, tmp_path: Path) -> None:
    report = describe(Told([outcome(TENCH, indexed, 1)], [picture(TENCH, 1)]), tmp_path)
    assert len(report.sizes) == 7
    assert [group.name for group in report.sizes if group.classes] == [size]


def test_a_missed_quota_names_what_ate_the_candidates(tmp_path: Path) -> None:
    quotas = describe(small_selection(), tmp_path).quotas
    assert (quotas.met, quotas.missed, quotas.unwanted, quotas.short) == (2, 1, 1, 2)
    assert quotas.unwanted_reasons == {"excluded_synset": 1}
    (missed,) = quotas.worst
    assert (missed.wnid, missed.name, missed.indexed, missed.usable, missed.quota, missed.drawn) == (
        *(DAHLIA, "dahlia", 9, 1, 3, 1),
    )
    assert list(missed.reasons.items()) == [(RejectReason.TOO_SMALL, 7), (RejectReason.EXACT_DUPLICATE, 1)]
    assert missed.indexed == missed.drawn + sum(missed.reasons.values())
    assert quotas.short_reasons == missed.reasons
    assert quotas.levels == (
        QuotaLevel(images=1, quota=0, drawn=1),
        QuotaLevel(images=3, quota=2, drawn=1),
        QuotaLevel(images=4, quota=1, drawn=1),
    )


def test_the_twenty_that_lack_most_are_named_and_all_are_counted(tmp_path: Path) -> None:
    classes = [outcome(f"n{number:08d}", 60, 1, quota=2 + number // 2) for number in range(50)]
    drawn = [picture(each.wnid, number) for number, each in enumerate(classes)]
    quotas = describe(Told(classes, drawn), tmp_path).quotas
    assert (quotas.missed, quotas.short) == (50, sum(1 + number // 2 for number in range(50)))
    lacking = [missed.quota - missed.drawn for missed in quotas.worst]
    assert lacking == [25 - rank // 2 for rank in range(20)]
    assert [missed.wnid for missed in quotas.worst[:3]] == ["n00000048", "n00000049", "n00000046"]
    assert {missed.name for missed in quotas.worst} == {""}


def test_a_class_that_has_more_was_kept_from_it_by_caps(tmp_path: Path) -> None:
    classes = [outcome(TENCH, 60, 1, quota=3), outcome(TABBY, 60, 1, quota=4), outcome(DAHLIA, 2, 1, quota=2)]
    drawn = [picture(each.wnid, number) for number, each in enumerate(classes)]
    told = Told(classes, drawn, [lost(TENCH, 9, RejectReason.BLANK), lost(DAHLIA, 9, RejectReason.BLANK)])
    assert [explain_missed(missed) for missed in describe(told, tmp_path).quotas.worst] == [
        "caps of domains ended the draw",
        "1 blank; caps of domains ended the draw",
        "1 blank",
    ]


def test_losses_are_counted_by_stage_and_reason_in_the_order_of_the_checks(tmp_path: Path) -> None:
    report = describe(small_selection(), tmp_path)
    assert [(loss.stage, loss.reason, loss.images) for loss in report.losses] == [
        (Stage.INDEX, RejectReason.NOT_AN_IMAGE_ID, 1),
        (Stage.SELECT, RejectReason.EXCLUDED_SYNSET, 2),
        (Stage.SELECT, RejectReason.TOO_SMALL, 7),
        (Stage.SELECT, RejectReason.BLANK, 1),
        (Stage.SELECT, RejectReason.EXACT_DUPLICATE, 1),
    ]
    assert (report.entries, report.companions, report.lost_in(Stage.INDEX)) == (1277, 5, 1)
    assert (report.candidates, report.lost_in(Stage.SELECT), report.left_over, report.drawn) == (1271, 11, 1252, 8)


def test_the_first_five_of_a_reason_are_its_examples(tmp_path: Path) -> None:
    report = describe(small_selection(), tmp_path)
    examples = {loss.reason: [(each.image_id, each.detail) for each in loss.examples] for loss in report.losses}
    assert examples[RejectReason.TOO_SMALL] == [(f"{DAHLIA}_{number}", "too_small here") for number in range(20, 25)]
    assert examples[RejectReason.NOT_AN_IMAGE_ID] == [("", "n01440764.tar: <script>alert('&')</script>.txt")]


def test_examples_are_found_beyond_a_batch_and_long_ones_are_cut(tmp_path: Path) -> None:
    told = small_selection()
    told.lost_in_index = [
        *(lost(TENCH, number, RejectReason.DUPLICATE_ID, stage=Stage.INDEX) for number in range(70_000)),
        lost(TENCH, 70_000, RejectReason.ARCHIVE_DAMAGED, stage=Stage.INDEX, detail="x" * 5000),
        lost(TENCH, 70_001, RejectReason.DUPLICATE_ID, stage=Stage.INDEX),
    ]
    duplicates, damaged = describe(told, tmp_path).losses[:2]
    assert (duplicates.images, len(duplicates.examples)) == (70_001, 5)
    assert damaged.examples[0].image_id == f"{TENCH}_70000"
    assert damaged.examples[0].detail == "x" * 159 + "…"


def test_examples_of_a_rare_reason_come_from_all_batches_in_order(tmp_path: Path) -> None:
    told = small_selection()
    damaged = [10, 20, *range(70_000, 70_006)]  # a batch holds 65,536 rows
    told.lost_in_index = [
        lost(
            TENCH,
            row,
            RejectReason.ARCHIVE_DAMAGED if row in damaged else RejectReason.DUPLICATE_ID,
            stage=Stage.INDEX,
        )
        for row in range(75_000)
    ]
    (loss,) = (each for each in describe(told, tmp_path).losses if each.reason is RejectReason.ARCHIVE_DAMAGED)
    assert loss.images == 8
    assert [example.image_id for example in loss.examples] == [f"{TENCH}_{row}" for row in damaged[:5]]


def test_what_the_index_lost_of_a_class_was_never_its_candidate(tmp_path: Path) -> None:
    told = small_selection()
    told.lost_in_index = [lost(DAHLIA, 9, RejectReason.DUPLICATE_ID, stage=Stage.INDEX)]
    quotas = describe(told, tmp_path).quotas
    assert RejectReason.DUPLICATE_ID not in quotas.worst[0].reasons
    assert sum(quotas.short_reasons.values()) == 8


def test_complexity_falls_into_bins_of_a_tenth_by_stratum(tmp_path: Path) -> None:
    complexity = describe(small_selection(), tmp_path).complexity
    assert [(each.start, each.low, each.middle, each.high) for each in complexity.bins] == [
        (0.3, 1, 0, 0),
        (0.9, 1, 0, 0),
        (1.0, 0, 3, 0),
        (2.2, 0, 0, 3),
    ]
    strata = [(each.stratum, each.images, each.weight) for each in complexity.strata]
    assert strata == [("low", 2, 12.5), ("middle", 3, 6.0), ("high", 3, 6.0)]


@pytest.mark.parametrize("hundredths", [29, 30, 57, 58, 70, 99, 100, 110, 115, 230, 460, 999])
def test_a_border_of_bins_belongs_to_the_upper_one(hundredths: int, tmp_path: Path) -> None:
    drawn = [picture(TENCH, 1, complexity=hundredths / 100)]
    (each,) = describe(Told([outcome(TENCH, 1, 1)], drawn), tmp_path).complexity.bins
    assert each.start == (hundredths // 10) / 10


def test_formats_flags_duplicates_and_splits_are_counted(tmp_path: Path) -> None:
    report = describe(small_selection(), tmp_path)
    assert report.pictures.model_dump() == {
        "formats": {"JPEG": 7, "PNG": 1},
        "gzipped": 0,
        "greyscale": 1,
        "blurred": 1,
        "normalised": {"icc": 2, "exif_transpose": 1},
    }
    assert report.near_duplicates.model_dump() == {"groups": 2, "images": 5, "largest": 3}
    assert [(each.split, each.holdout, each.images) for each in report.splits] == [
        ("train", "none", 6),
        ("benchmark", "image", 2),
    ]


def test_one_class_without_a_loss_has_a_report(tmp_path: Path) -> None:
    report = describe(
        Told([outcome(ROCKET, 1, 1, domain="artifact")], [picture(ROCKET, 1)], thresholds=NO_PILOT), tmp_path
    )
    assert (report.losses, report.quotas.worst, report.thresholds) == ((), (), NO_PILOT)
    assert report.near_duplicates.model_dump() == {"groups": 0, "images": 0, "largest": 0}
    assert report.domains[0].share == 1


def test_the_report_is_the_same_bytes_again(tmp_path: Path) -> None:
    first, second = (small_selection().write(tmp_path / name) for name in ("a", "b"))
    assert keep_report(first, load_taxonomy()) == keep_report(second, load_taxonomy())
    for name in ("report.parquet", "report.html"):
        assert (first.selection / name).read_bytes() == (second.selection / name).read_bytes()


def test_a_report_counts_as_there_when_both_files_are_this_selection_s(tmp_path: Path) -> None:
    told = small_selection()
    run = told.write(tmp_path)
    assert not has_report(run, told.manifest())
    keep_report(run, load_taxonomy())
    assert has_report(run, told.manifest())
    assert not has_report(run, told.manifest().model_copy(update={"seed": 4}).signed())
    (run.selection / "report.html").unlink()
    assert not has_report(run, told.manifest())
    keep_report(run, load_taxonomy())
    (run.selection / "report.parquet").write_bytes(b"PAR1")
    assert not has_report(run, told.manifest())


def test_the_flat_table_holds_every_number_once(tmp_path: Path) -> None:
    run = small_selection().write(tmp_path)
    report = keep_report(run, load_taxonomy())
    rows = list(read_rows(run.selection / "report.parquet", ReportRow))
    values = {(row.section, row.key, row.measure): row.value if row.text is None else row.text for row in rows}
    assert len(values) == len(rows)
    assert values["total", "", "drawn"] == report.drawn
    assert values["total", "", "selection"] == report.selection
    assert values["domains", "animal", "share"] == 7 / 8
    assert values["sizes", "1000-1999", "indexed"] == 1200
    assert values["quotas", "excluded_synset", "unwanted"] == 1
    assert values["quotas.worst", DAHLIA, "too_small"] == 7
    assert values["quotas.levels", "3", "quota"] == 2
    assert values["losses", "select/too_small", "images"] == 7
    assert values["losses", "select/too_small", "example 1"] == f"{DAHLIA}_20: too_small here"
    assert values["complexity.bins", "1.0", "middle"] == 3
    assert values["thresholds", "", "high"] == 2
    assert values["pictures", "formats", "PNG"] == 1
    assert values["splits", "benchmark/image", "images"] == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"candidates": 1272, "left_over": 1253}, "1,277 entries of the source, of which 1,278"),
        ({"left_over": 1251}, "1,271 candidates, of which 1,270"),
        ({"near_duplicate_groups": 1}, "1 near-duplicate groups, of which 2"),
        (
            {"rejected": {RejectReason.TOO_SMALL: 8, RejectReason.EXCLUDED_SYNSET: 2, RejectReason.BLANK: 1}},
            "8 images that select lost as too_small, of which 7",
        ),
    ],
)
def test_files_that_do_not_belong_together_are_noticed(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    told = small_selection()
    run = told.write(tmp_path)
    write_manifest(run, told.manifest().model_copy(update=changes).signed())
    with pytest.raises(ConservationError, match=said):
        describe_selection(run, load_taxonomy())


def test_a_run_directory_without_a_selection_is_one_line(tmp_path: Path) -> None:
    run = small_selection().write(tmp_path)
    (run.selection / "selection.json").unlink()
    with pytest.raises(RunDirectoryError, match="run imagenet-think select first"):
        describe_selection(run, load_taxonomy())


@pytest.mark.parametrize(
    "name", ["classes.parquet", "selection.parquet", "rejections.parquet", "../index/rejections.parquet"]
)
def test_a_damaged_table_is_named(name: str, tmp_path: Path) -> None:
    run = small_selection().write(tmp_path)
    (run.selection / name).write_bytes(b"PAR1 no more")
    with pytest.raises(RunDirectoryError, match=Path(name).name):
        describe_selection(run, load_taxonomy())


@pytest.mark.parametrize("name", ["classes.parquet", "selection.parquet", "rejections.parquet"])
def test_a_table_of_other_rows_is_named_with_the_column_it_lacks(name: str, tmp_path: Path) -> None:
    run = small_selection().write(tmp_path)
    shutil.copy(run.index / "index.parquet", run.selection / name)
    with pytest.raises(RunDirectoryError, match=f"{name}: lacks the column "):
        describe_selection(run, load_taxonomy())


def test_a_run_directory_whose_configuration_is_lost_is_one_line(tmp_path: Path) -> None:
    run = small_selection().write(tmp_path)
    (run.path / "run.json").write_text("{}")
    with pytest.raises(RunDirectoryError, match=r"run\.json"):
        describe_selection(run, load_taxonomy())


@st.composite
def selections(draw: st.DrawFn) -> Told:
    """Any counts that one draw could come to."""
    classes, drawn, rejections = [], [], []
    for number in range(draw(st.integers(1, 12))):
        wnid = f"n{number + 1:08d}"
        taken, bad, left = (draw(st.integers(low, 6)) for low in (0, 0, 1))
        is_wanted = draw(st.booleans())
        if not is_wanted:
            taken, bad, left = 0, taken + bad + left, 0
        usable = taken
        classes.append(
            outcome(
                wnid,
                taken + bad + left,
                taken,
                domain=draw(st.sampled_from(["animal", "plant", "artifact", "unknown"])),
                depth=draw(st.integers(0, 19)),
                usable=usable,
                screened=usable + bad if is_wanted else 0,
                quota=taken + draw(st.integers(0, 2)) if is_wanted else 0,
                is_wanted=is_wanted,
                reason="" if is_wanted else "not_a_leaf",
            )
        )
        reasons = st.sampled_from([RejectReason.TOO_SMALL, RejectReason.DECODE_ERROR, RejectReason.BLANK])
        rejections += [
            lost(wnid, 100 + each, draw(reasons) if is_wanted else RejectReason.NOT_A_LEAF) for each in range(bad)
        ]
        for each in range(taken):
            leader = f"{wnid}_{draw(st.integers(0, each))}"
            complexity = draw(st.integers(0, 500)) / 100
            split = draw(st.sampled_from(SPLITS))
            drawn.append(picture(wnid, each, complexity=complexity, group=leader, split=split))
    leaders = {image.ref.image_id for image in drawn if image.duplicate_group == image.ref.image_id}
    drawn = [image for image in drawn if image.duplicate_group in leaders]
    kept = Counter(image.ref.wnid for image in drawn)
    classes = [each.model_copy(update={"drawn": kept[each.wnid]}) for each in classes]
    return Told(classes, drawn, rejections, companions=draw(st.integers(0, 3)))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=selections())
def test_every_section_adds_up_to_the_whole(told: Told, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    report = describe(told, tmp_path)
    sections: list[tuple[ClassGroup, ...]] = [report.domains, report.depths, report.sizes]
    for groups in sections:
        assert sum(group.classes for group in groups) == len(told.classes)
        assert sum(group.drawn_from for group in groups) == sum(each.drawn > 0 for each in told.classes)
        for name in ("indexed", "screened", "usable", "drawn"):
            assert sum(getattr(g, name) for g in groups) == sum(getattr(each, name) for each in told.classes)
    quotas = report.quotas
    wanted = [each for each in told.classes if each.outcome != "unwanted"]
    assert quotas.met + quotas.missed + quotas.unwanted == len(told.classes)
    assert sum(quotas.unwanted_reasons.values()) == quotas.unwanted
    assert sum(level.drawn for level in quotas.levels) == sum(level.quota for level in quotas.levels) == len(wanted)
    assert sum(level.drawn * level.images for level in quotas.levels) == report.drawn
    assert sum(level.quota * level.images for level in quotas.levels) == sum(each.quota for each in wanted)
    assert report.lost_in(Stage.SELECT) == len(told.lost)
    assert sum(each.low + each.middle + each.high for each in report.complexity.bins) == report.drawn
    assert sum(each.images for each in report.complexity.strata) == report.drawn
    assert sum(report.pictures.formats.values()) == report.drawn
    assert sum(each.images for each in report.splits) == report.drawn
    assert report.near_duplicates.images <= report.drawn


def test_the_unwanted_are_told_apart_by_their_reasons(tmp_path: Path) -> None:
    classes = [
        outcome(TENCH, 3, 1),
        outcome(ASTRONAUT, 1, 0, is_wanted=False, reason="excluded_synset"),
        outcome(TABBY, 1, 0, is_wanted=False, reason="class_too_small"),
        outcome(DAHLIA, 1, 0, is_wanted=False, reason="class_too_small"),
        outcome("n99999999", 1, 0, domain="unknown", depth=0, is_wanted=False, reason="unknown_synset"),
        outcome(ROCKET, 1, 0, is_wanted=False, reason="not_a_leaf"),
    ]
    quotas = describe(Told(classes, [picture(TENCH, 1)]), tmp_path).quotas
    assert list(quotas.unwanted_reasons.items()) == [
        ("class_too_small", 2),
        *((reason, 1) for reason in ("excluded_synset", "not_a_leaf", "unknown_synset")),
    ]
