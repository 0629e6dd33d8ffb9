"""The whole way: checks, a staged release, the upload, names for it, and reading it back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.files import held
from pipeline.lines import printable
from pipeline.packed import PackedDataset, open_dataset
from pipeline.packing.sidecars import CARD_FILE, RELEASES_FILE
from pipeline.progress import Progress
from pipeline.publishing.publish.contents import LocalFile, Plan, find_foreign, list_release, make_plan
from pipeline.publishing.publish.options import (
    MAIN,
    RELEASE_TAG,
    PublishOptions,
    check_options,
    check_publishable,
    check_whole,
)
from pipeline.publishing.publish.read_back import read_back
from pipeline.publishing.publish.repository import Head, Repository, quiet_client
from pipeline.publishing.publish.staging import Stager
from pipeline.publishing.publish.unfinished import UNFINISHED_FILE, Unfinished, first_part, fits_one_commit
from pipeline.publishing.publish.upload import carry_out
from schemas.errors import ConfigError, HubError
from schemas.releases import Release, Releases

_FIRST_FILES = 3


@dataclass(frozen=True, slots=True)
class Publication:
    """What stands on the hub now."""

    repo_id: str
    commit: str
    release: Release
    splits: tuple[str, ...]
    files: int
    bytes: int
    """Of all files of the release."""
    is_new: bool
    """Whether anything had to be committed."""

    @property
    def tag(self) -> str:
        """The name of its content."""
        return RELEASE_TAG + self.release.id


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be done."""

    staged: PackedDataset
    plan: Plan
    repository: str
    """What is known of the repository, in a few words."""

    @property
    def card(self) -> str:
        """The card's text."""
        return (self.staged.root / CARD_FILE).read_text("utf-8")


def publish(root: Path, options: PublishOptions, work_dir: Path, progress: Progress) -> Publication:
    """Bring a packed dataset to the hub. Done again it finishes what was begun, and sends only what is missing.

    Whoever looks at the repository sees the version before or this one, never something between; where one commit
    cannot hold a release, a file says that it is not whole until it is.

    Args:
        root: the dataset's folder.
        options: where to, and what of it.
        work_dir: where the release is staged.
        progress: told of everything that takes time.

    Raises:
        ConfigError: an option is wrong.
        DatasetError: the dataset has a fault, lacks what is asked for, or changes meanwhile.
        HubError: the hub refuses, holds other things, or cannot be reached.
        OSError: the disk is full.
    """
    check_options(options)
    dataset = open_dataset(root)
    check_publishable(root, dataset.manifest, options)
    repository = Repository(options.repo_id, options.branch)
    with quiet_client(), _alone(work_dir, root):
        repository.check_token()
        _refuse_foreign(repository, repository.look())
        repository.is_patient = True
        check_whole(root, progress)
        staged, commit, is_new = _bring(dataset, options, repository, work_dir, progress)
        release = _releases_of(staged)[0]
        repository.tag(RELEASE_TAG + release.id, commit)
        if options.tag is not None:
            repository.tag(options.tag, commit)
        read_back(repository, commit, staged, progress)
    files = list_release(staged)
    size = sum(file.size for file in files)
    return Publication(options.repo_id, commit, release, staged.splits, len(files), size, is_new)


def draft(root: Path, options: PublishOptions, work_dir: Path, progress: Progress) -> Draft:
    """Check and stage a release, and say what publishing it would do. Nothing is sent; no token is needed.

    Raises:
        ConfigError: an option is wrong, or the tag is at another version.
        DatasetError: the dataset has a fault, or lacks what is asked for.
        HubError: the repository holds other things.
        OSError: the disk is full.
    """
    check_options(options)
    dataset = open_dataset(root)
    check_publishable(root, dataset.manifest, options)
    repository = Repository(options.repo_id, options.branch)
    with quiet_client(), _alone(work_dir, root):
        try:
            head = repository.look()
            known = "new" if head is None else f"at {head.commit[:12]}"
        except HubError as error:
            head, known = None, f"not looked at: {error.problem}"
        _refuse_foreign(repository, head)
        check_whole(root, progress)
        staged = Stager(dataset, options, repository, work_dir, progress).stage(head)
        plan = make_plan(list_release(staged), head.files if head else {})
        if head is not None:
            _check_tag(repository, options, head, plan)
        return Draft(staged, plan, known)


def _bring(
    dataset: PackedDataset, options: PublishOptions, repository: Repository, work_dir: Path, progress: Progress
) -> tuple[PackedDataset, str, bool]:
    """The staged release, the commit at which the repository holds it, and whether that is a new one."""
    stager = Stager(dataset, options, repository, work_dir, progress)
    conflicts, is_new = 0, False
    while True:
        head = repository.look()
        _refuse_foreign(repository, head)
        staged = stager.stage(head)
        if head is None or not head.has_branch:
            _prepare(repository, options, head)
        else:
            _protect(repository, options, head)
            release = list_release(staged)
            plan = make_plan(release, head.files)
            _check_tag(repository, options, head, plan)
            if plan.is_done:
                return staged, head.commit, is_new
            is_new = True
            if _step(repository, head, plan, release, progress):
                continue
        repository.give_way(conflicts)
        conflicts += 1


def _step(repository: Repository, head: Head, plan: Plan, release: list[LocalFile], progress: Progress) -> bool:
    """One commit: the whole plan, or as much of it as goes into one. Whether it was made."""
    repository.check_card(next(file for file in release if file.name == CARD_FILE).path.read_text("utf-8"))
    if fits_one_commit(plan):
        return carry_out(repository, plan, {}, head.commit, "Publish a release", progress)
    files = sorted({*head.files, *(file.name for file in release)})
    note = Unfinished(before=head.before, files=tuple(files)).render()
    part = first_part(plan, set(head.files))
    return carry_out(repository, part, {UNFINISHED_FILE: note}, head.commit, "Part of a release", progress)


def _prepare(repository: Repository, options: PublishOptions, head: Head | None) -> None:
    """Make what is not there yet."""
    if head is None:
        repository.create(private=options.private)
    if options.branch != MAIN:
        repository.open_branch()


def _protect(repository: Repository, options: PublishOptions, head: Head) -> None:
    """Close the repository before anything goes up that must not be open."""
    if options.private and not head.is_private:
        repository.hide()
    if options.include_images and not head.is_gated:
        repository.gate()


def _refuse_foreign(repository: Repository, head: Head | None) -> None:
    """A repository with anything that no publication of ours put there is somebody's, and left alone."""
    if head is None:
        return
    listed = (*head.unfinished.files, UNFINISHED_FILE) if head.unfinished else ()
    if foreign := find_foreign(head.files, head.manifest, listed):
        names = ", ".join(printable(name) for name in foreign[:_FIRST_FILES])
        more = f" and {len(foreign) - _FIRST_FILES:,} more" if len(foreign) > _FIRST_FILES else ""
        raise HubError(
            f"{repository.place}: holds files that publishing did not put there: {names}{more}",
            "name another REPO_ID, or remove them there",
        )


def _check_tag(repository: Repository, options: PublishOptions, head: Head, plan: Plan) -> None:
    """A tag that stands elsewhere is not moved: somebody may rely on it."""
    at = repository.tags().get(options.tag) if options.tag is not None else None
    if at is not None and not (plan.is_done and at == head.commit):
        raise ConfigError(f"--tag {options.tag}: is at another version already ({at[:12]})", "choose another name")


def _releases_of(staged: PackedDataset) -> tuple[Release, ...]:
    return Releases.model_validate_json((staged.root / RELEASES_FILE).read_bytes()).releases


@contextlib.contextmanager
def _alone(work_dir: Path, root: Path) -> Iterator[None]:
    """Hold the work directory, so that two publications do not stage into one by mistake.

    Raises:
        ConfigError: another process holds it, it can be no folder, or it lies in the dataset, which is never changed.
    """
    if work_dir.resolve().is_relative_to(root.resolve()):
        raise ConfigError(f"--work-dir {work_dir}: lies in the dataset", "name a folder beside it")
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(f"--work-dir {work_dir}: lies under a file", "name a folder") from None
    with held(work_dir / ".lock", lambda holder: _refuse_company(work_dir, holder)):
        yield


def _refuse_company(work_dir: Path, holder: str) -> ConfigError:
    return ConfigError(f"{work_dir}: process {holder} publishes from it", "wait for it, or choose another --work-dir")
