"""A run directory belongs to one configuration and to one process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.rundir import LAYOUT, check_run, exclusive, open_for_index, open_run
from schemas.config import BuildConfig
from schemas.errors import RunDirectoryError
from schemas.loading import load_config, parse_config

TEXT = "source: {path: /images}\nteachers: [{name: glm-4.1v-9b-thinking, engine: {kind: pixels}}]\n"


def config(addition: str = "") -> BuildConfig:
    return parse_config(TEXT + addition, "c.yaml")


def test_the_same_configuration_may_come_again(tmp_path: Path) -> None:
    open_run(tmp_path / "run", config())
    open_run(tmp_path / "run", config())


def test_where_and_how_fast_may_change_between_starts(tmp_path: Path) -> None:
    open_run(tmp_path / "run", config())
    faster = config("packing: {workers: 9}").model_copy(update={"source": config().source})
    with exclusive(open_run(tmp_path / "run", faster), faster):
        pass
    assert load_config(tmp_path / "run" / "config.yaml") == faster


def test_another_configuration_is_refused_with_the_keys_that_differ(tmp_path: Path) -> None:
    open_run(tmp_path / "run", config())
    with pytest.raises(RunDirectoryError) as caught:
        open_run(tmp_path / "run", config("seed: 7\nselection: {images: 5}"))
    assert "seed was 0 and is 7; selection.images was 250000 and is 5" in str(caught.value)


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunDirectoryError, match="holds other files"):
        open_run(tmp_path, config())


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(RunDirectoryError, match="is a file"):
        open_run(tmp_path / "run", config())


def test_a_start_that_was_killed_in_its_first_write_may_come_again(tmp_path: Path) -> None:
    (tmp_path / ".run.json.123.tmp").write_bytes(b"half")
    open_run(tmp_path, config())


def test_a_source_that_was_indexed_first_is_no_hindrance(tmp_path: Path) -> None:
    run = open_for_index(tmp_path / "run")
    with exclusive(run, None):
        run.index.mkdir()
    open_run(tmp_path / "run", config())
    assert open_for_index(tmp_path / "run") == run


def test_a_directory_with_other_files_is_no_place_for_an_index(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunDirectoryError, match="holds other files"):
        open_for_index(tmp_path)


def test_an_index_alone_does_not_go_on_with_another_version_s_directory(tmp_path: Path) -> None:
    marker = open_run(tmp_path / "run", config()).path / "run.json"
    marker.write_text(marker.read_text().replace(f'"layout":{LAYOUT}', '"layout":0'))
    with pytest.raises(RunDirectoryError, match="made by another version"):
        open_for_index(tmp_path / "run")


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match=r"caf.udce9: is not UTF-8"):
        open_run(tmp_path / "caf\udce9", config())


def test_a_name_that_no_file_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="cannot be looked at"):
        open_run(tmp_path / ("x" * 300), config())


def test_a_damaged_marker_is_refused(tmp_path: Path) -> None:
    open_run(tmp_path / "run", config())
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(RunDirectoryError, match="damaged"):
        open_run(tmp_path / "run", config())


def test_checking_makes_nothing(tmp_path: Path) -> None:
    check_run(tmp_path / "run", config())
    assert not (tmp_path / "run").exists()


def test_two_builds_cannot_work_in_one_directory(tmp_path: Path) -> None:
    run = open_run(tmp_path / "run", config())
    with (
        exclusive(run, config()),
        pytest.raises(RunDirectoryError, match="is at work in it"),
        exclusive(run, config()),
    ):
        pytest.fail("the second build got in")
    with exclusive(run, config()):
        pass
