"""Plans: whatever a repository holds, it becomes the release, and looks whole only when it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.hub import HubFile
from pipeline.packing.sidecars import MANIFEST_FILE
from pipeline.publishing.publish import unfinished
from pipeline.publishing.publish.contents import GIT_FILES, SEALS, LocalFile, find_foreign, make_plan
from pipeline.publishing.publish.unfinished import UNFINISHED_FILE, first_part, fits_one_commit

NAMES = st.sampled_from([f"data/train-{number:05}-of-00009.tar" for number in range(9)] + ["_info.json"])
CONTENTS = st.dictionaries(NAMES, st.sampled_from(["1", "2"]), max_size=10)


def local(name: str, content: str) -> LocalFile:
    return LocalFile(name, Path(name), len(content), hashlib.sha256(content.encode()).hexdigest())


def listed(content: str, name: str) -> HubFile:
    return HubFile(name, len(content), hashlib.sha256(content.encode()).hexdigest())


@given(old=CONTENTS, new=CONTENTS, whole=st.booleans(), operations=st.integers(6, 12))
def test_any_repository_becomes_any_release_in_commits_that_are_not_too_large(
    old: dict[str, str], new: dict[str, str], whole: bool, operations: int
) -> None:
    there = dict(old) | (dict.fromkeys(SEALS, "old") if whole else {}) | dict.fromkeys(GIT_FILES, "git")
    release = new | dict.fromkeys(SEALS, "new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unfinished, "OPERATIONS", operations)
        for _ in range(20):
            plan = make_plan(
                [local(name, content) for name, content in release.items()],
                {name: listed(content, name) for name, content in there.items()},
            )
            if plan.is_done:
                break
            part = plan if fits_one_commit(plan) else first_part(plan, set(there))
            extra = {} if part is plan else {UNFINISHED_FILE: "note"}
            assert len(part.uploads) + len(part.deletions) + len(extra) <= operations
            for name in part.deletions:
                del there[name]
            there |= {file.name: release[file.name] for file in part.uploads} | extra
            assert (MANIFEST_FILE in there) != (UNFINISHED_FILE in there)
    assert there == release | dict.fromkeys(GIT_FILES, "git")


@given(CONTENTS, CONTENTS)
def test_only_what_differs_goes_up(old: dict[str, str], new: dict[str, str]) -> None:
    plan = make_plan(
        [local(name, content) for name, content in new.items()],
        {name: listed(content, name) for name, content in old.items()},
    )
    assert {file.name for file in plan.uploads} == {name for name in new if old.get(name) != new[name]}
    assert {file.name for file in plan.kept} == {name for name in new if old.get(name) == new[name]}
    assert set(plan.deletions) == old.keys() - new.keys()


def test_small_files_are_compared_as_git_names_them(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(b"hello\n")
    file = LocalFile("README.md", path, 6, hashlib.sha256(b"hello\n").hexdigest())
    assert file.is_same(HubFile("README.md", 6, "ce013625030ba8dba906f756967f9e9ca394464a"))  # git hash-object
    assert not file.is_same(HubFile("README.md", 6, "ce013625030ba8dba906f756967f9e9ca394464b"))
    assert not file.is_same(HubFile("README.md", 5, "ce013625030ba8dba906f756967f9e9ca394464a"))
    assert not file.is_same(None)


def test_without_a_manifest_everything_but_gits_own_is_somebody_elses() -> None:
    assert find_foreign([".gitattributes", "b", "a"], None, []) == ["a", "b"]
    assert find_foreign([".gitattributes", "b", "a"], None, ["a"]) == ["b"]
