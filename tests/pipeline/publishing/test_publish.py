"""Publishing: one commit or nothing, whatever happens on the way; what stands there is what lies here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.hub import asking
from pipeline.packing.sidecars import CARD_FILE, MANIFEST_FILE, RELEASES_FILE
from pipeline.progress import Silent
from pipeline.publishing.publish import PublishOptions, draft, publish, unfinished, upload
from pipeline.publishing.verify import verify_dataset
from schemas.errors import ConfigError, HubError
from schemas.releases import Releases
from tests.fakes.hub import COMMIT, Dataset, Script
from tests.fakes.hub_client import client_of
from tests.fakes.noted_progress import NotedProgress
from tests.pipeline.packing.world import GLM, World, answer_all, digests, make_world
from tests.pipeline.publishing.hub_world import (
    OPTIONS,
    REPO,
    TOKEN,
    WITH_IMAGES,
    larger,
    manifest_of,
    world_of,
)

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=")  # of huggingface_hub's own uploads


def test_what_is_published_is_an_edition_that_passes_verify(packed: World, tmp_path: Path) -> None:
    with world_of(tmp_path) as hub:
        before = digests(packed.out)
        publication = publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        dataset = hub.datasets[REPO]
        there = shutil.copytree(dataset.folder(), tmp_path / "there")
        assert digests(packed.out) == before
    (there / ".gitattributes").unlink()
    manifest = manifest_of(there)
    assert verify_dataset(there, Silent(), workers=1).faults == ()
    assert manifest.edition == "annotations"
    assert manifest.made_from == manifest_of(packed.out).sha256
    assert publication.is_new
    assert publication.tag == f"release-{manifest.sha256[:12]}"
    assert dataset.tags == {publication.tag: publication.commit}
    assert len(dataset.history) == 2
    assert dataset.token is None
    assert dataset.gated is False


def test_what_is_there_already_is_not_sent_again_but_read_back(packed: World, tmp_path: Path) -> None:
    script = Script()
    with world_of(tmp_path, script) as hub:
        first = publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        sent, asked = len(script.uploaded), script.commits()
        progress = NotedProgress()
        second = publish(packed.out, OPTIONS, tmp_path / "elsewhere", progress)
        assert len(hub.datasets[REPO].history) == 2
    assert (len(script.uploaded), script.commits()) == (sent, asked)
    assert not second.is_new
    assert (second.commit, second.release) == (first.commit, first.release)
    (task,) = [task for task in progress.tasks if task.name == "read back"]
    assert task.done == task.total == second.bytes


def test_pictures_go_up_only_where_nobody_has_them_unasked(packed: World, tmp_path: Path) -> None:
    script = Script()
    with world_of(tmp_path, script) as hub:
        publish(packed.out, WITH_IMAGES, tmp_path / "work", Silent())
        dataset = hub.datasets[REPO]
        assert dataset.gated == "manual"
        manifest = manifest_of(dataset.folder())
        assert (dataset.folder() / "LICENSE-IMAGENET.txt").is_file()
        assert "extra_gated_prompt" in (dataset.folder() / CARD_FILE).read_text()
    assert manifest == manifest_of(packed.out)
    order = [request.path for request in script.requests if request.method in ("PUT", "POST")]
    settings = next(i for i, path in enumerate(order) if path.endswith("/settings"))
    assert settings < next(i for i, path in enumerate(order) if "/preupload/" in path)


def test_private_is_private_from_the_start(packed: World, tmp_path: Path) -> None:
    with world_of(tmp_path) as hub:
        hub.datasets[REPO] = Dataset.empty(tmp_path / "open")
        publish(packed.out, PublishOptions(REPO, private=True), tmp_path / "work", Silent())
        publish(packed.out, PublishOptions("someone/other", private=True), tmp_path / "work", Silent())
        assert {dataset.token for dataset in hub.datasets.values()} == {TOKEN}


def test_a_new_version_sends_only_what_changed_and_says_what_did(packed: World, tmp_path: Path) -> None:
    script = Script()
    with world_of(tmp_path, script) as hub:
        old = publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        world = make_world(tmp_path / "changed", train=12, benchmark=3)
        world.images_per_shard = 6
        world.results[0] = answer_all(GLM, world.images, engine="openai")
        images = world.results[0].completions
        world.results[0].completions[:] = [
            completion if number else completion.model_copy(update={"raw": b"Another thought.|A picture."})
            for number, completion in enumerate(images)
        ]
        world.pack()
        sent = len(script.uploaded)
        new = publish(world.out, OPTIONS, tmp_path / "work", Silent())
        dataset = hub.datasets[REPO]
        releases = Releases.model_validate_json((dataset.folder() / RELEASES_FILE).read_bytes()).releases
        assert [release.id for release in releases] == [new.release.id, old.release.id]
        assert set(dataset.tags) == {new.tag, old.tag}
        assert manifest_of(dataset.folder(old.tag)).sha256 == old.release.manifest_sha256
    changed = {shard.sha256 for shard in manifest_of(tmp_path / "work/annotations").shards}
    tars = [oid for oid in script.uploaded[sent:] if oid in changed]
    assert len(tars) == len(set(tars)) <= 3
    assert (new.release.added, new.release.removed) == (0, 0)
    assert new.release.changed >= 1


def test_rows_that_come_and_go_are_counted_and_old_shards_taken_away(packed: World, tmp_path: Path) -> None:
    with world_of(tmp_path) as hub:
        bigger = publish(larger(tmp_path).out, OPTIONS, tmp_path / "work", Silent())
        smaller = publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        again = publish(larger(tmp_path / "b").out, OPTIONS, tmp_path / "work", Silent())
        folder = hub.datasets[REPO].folder(smaller.commit)
        assert {path.name for path in (folder / "data").iterdir()} == {
            Path(shard.path).name for shard in manifest_of(folder).shards
        }
    assert bigger.release.added == 21
    assert (smaller.release.added, smaller.release.removed) == (0, 6)
    assert (again.release.added, again.release.removed) == (6, 0)
    assert again.release.id == bigger.release.id


@pytest.mark.parametrize(
    "script",
    [
        Script(writes=[429, 503, 200, 500, 429, 502, 200, 200, 504]),
        Script(put_cuts=[0, 100, 1000]),
        Script(statuses=[503, 429, 500, 200, 503]),
        Script(cuts=[0, 600, 2000]),
        Script(lost=1),
        Script(rivals=[{".gitattributes": b"*.tar filter=lfs\n"}, {".gitattributes": b"*.bin filter=lfs\n"}]),
    ],
    ids=["busy", "cut uploads", "busy while read", "cut reading", "lost answer", "somebody else commits"],
)
def test_what_passes_is_waited_out(packed: World, tmp_path: Path, script: Script) -> None:
    with world_of(tmp_path, script) as hub:
        publication = publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        folder = hub.datasets[REPO].folder(publication.commit)
        assert digests(tmp_path / "work/annotations").items() <= digests(folder).items()
    assert not any((script.writes, script.put_cuts, script.statuses, script.cuts, script.lost, script.rivals))
    assert len(script.uploaded) == len(set(script.uploaded))


def test_another_commit_in_progress_is_waited_for(packed: World, tmp_path: Path) -> None:
    script = Script()
    with world_of(tmp_path / "first", script):
        publish(packed.out, OPTIONS, tmp_path / "work", Silent())
    posts = [request.path for request in script.requests if request.method == "POST" and "/api/val" not in request.path]
    before = next(number for number, path in enumerate(posts) if "/commit/" in path)
    script = Script(writes=[200] * before + [409] * 4)
    with world_of(tmp_path / "second", script):
        assert publish(packed.out, OPTIONS, tmp_path / "work", Silent()).is_new
    assert script.commits() == 5


def test_a_lost_answer_to_a_commit_that_deletes_is_found_to_be_done(packed: World, tmp_path: Path) -> None:
    script = Script()
    with world_of(tmp_path, script) as hub:
        publish(larger(tmp_path).out, OPTIONS, tmp_path / "work", Silent())
        script.lost = 1
        publication = publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        assert publication.commit == hub.datasets[REPO].branches["main"]
        assert len(hub.datasets[REPO].history) == 3


def test_lists_are_waited_for_once_work_hangs_on_them(packed: World, tmp_path: Path) -> None:
    script = Script()
    with world_of(tmp_path, script):
        publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        script.lists = [503] * 100
        with pytest.raises(HubError, match="503 Service Unavailable"):
            publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        asked = 100 - len(script.lists)  # the client itself asks again, too
        script.lists = [200, *[503] * asked, 200, *[503] * asked]
        publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        assert script.lists == []


def test_a_busy_branch_is_given_up_at_last(packed: World, tmp_path: Path) -> None:
    script = Script(rivals=[{".gitattributes": b"%d" % number} for number in range(20)])
    with (
        world_of(tmp_path, script) as hub,
        pytest.raises(HubError, match="each time that somebody else has just changed it; run the same command again"),
    ):
        publish(packed.out, OPTIONS, tmp_path / "work", Silent())
    assert {path.name for path in hub.datasets[REPO].folder().iterdir()} == {".gitattributes"}


def test_a_branch_is_made_and_a_tag_is_given_but_never_moved(packed: World, tmp_path: Path) -> None:
    options = PublishOptions(REPO, branch="try/one", tag="v1")
    with world_of(tmp_path) as hub:
        publication = publish(packed.out, options, tmp_path / "work", Silent())
        dataset = hub.datasets[REPO]
        assert dataset.branches["try/one"] == dataset.tags["v1"] == publication.commit
        assert dataset.branches["main"] == COMMIT
        assert publish(packed.out, options, tmp_path / "work", Silent()).commit == publication.commit
        assert draft(packed.out, options, tmp_path / "work", Silent()).plan.is_done
        other = larger(tmp_path).out
        for attempt in (draft, publish):
            with pytest.raises(ConfigError, match="--tag v1: is at another version already"):
                attempt(other, options, tmp_path / "work", Silent())
        assert dataset.branches["try/one"] == publication.commit


def test_a_release_too_large_for_one_commit_never_looks_whole_before_it_is(
    packed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "OPERATIONS", 7)
    with world_of(tmp_path) as hub:
        for root in (larger(tmp_path, train=30).out, packed.out):
            publication = publish(root, OPTIONS, tmp_path / "work", Silent())
            folders = list(hub.datasets[REPO].history.values())
            manifests = [manifest_of(folder).sha256 for folder in folders if (folder / MANIFEST_FILE).exists()]
            assert manifests[-1] == publication.release.manifest_sha256
            for folder in folders[1:]:
                names = {path.name for path in folder.iterdir()}
                assert (unfinished.UNFINISHED_FILE in names) != (MANIFEST_FILE in names)
        assert len(folders) > 4
        releases = Releases.model_validate_json((folders[-1] / RELEASES_FILE).read_bytes()).releases
    assert [(release.added, release.removed) for release in releases] == [(0, 18), (33, 0)]


@pytest.mark.parametrize(("state", "step"), [("refused", 410), ("silent", 503)])
def test_what_stops_in_the_middle_leaves_nothing_to_see_and_goes_on(
    packed: World, tmp_path: Path, state: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "BATCH_FILES", 1)
    script = Script(writes=[200, 200, 200, 200, 200, *[step] * 200])
    with world_of(tmp_path, script) as hub:
        with pytest.raises(HubError, match="410 Gone" if state == "refused" else "it goes on where it stopped"):
            publish(packed.out, OPTIONS, tmp_path / "work", Silent())
        assert {path.name for path in hub.datasets[REPO].folder().iterdir()} == {".gitattributes"}
        sent = list(script.uploaded)
        assert sent
        script.writes.clear()
        publish(packed.out, OPTIONS, tmp_path / "work", Silent())
    assert script.uploaded[: len(sent)] == sent
    assert len(script.uploaded) == len(set(script.uploaded))


def test_a_dry_run_sends_nothing_and_needs_neither_token_nor_network(
    packed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "FIRST_WAITS", ())
    with client_of("http://127.0.0.1:9", tmp_path / "home"):
        made = draft(packed.out, OPTIONS, tmp_path / "work", Silent())
    assert made.repository.startswith("not looked at: hf://datasets/someone/thoughts: the look at")
    assert {file.name for file in made.plan.uploads} == set(digests(tmp_path / "work/annotations"))
    assert made.plan.bytes == sum(file.stat().st_size for file in made.staged.root.rglob("*") if file.is_file())
    assert made.card.startswith("---\n")
    script = Script()
    with world_of(tmp_path, script) as hub:
        publish(larger(tmp_path).out, OPTIONS, tmp_path / "work", Silent())
        script.requests.clear()
        later = draft(packed.out, OPTIONS, tmp_path / "work", Silent())
        assert {request.method for request in script.requests} == {"GET"}
        assert later.repository == f"at {hub.datasets[REPO].branches['main'][:12]}"
    assert any(name.startswith("data/train-") for name in later.plan.deletions)
    assert json.loads((later.staged.root / RELEASES_FILE).read_bytes())["releases"][0]["removed"] == 6
