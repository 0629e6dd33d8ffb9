"""A dataset's repository on the hub: what it holds, and every way in which publishing changes it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from logging import ERROR
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from pipeline.hub import Asker, HubFile, HubFiles, Place, Purpose, asking
from pipeline.hub.asking import connect
from pipeline.hub.files import TIMEOUT, check_commit
from pipeline.packing.sidecars import MANIFEST_FILE, RELEASES_FILE
from pipeline.publishing.publish.options import MAIN
from pipeline.publishing.publish.unfinished import UNFINISHED_FILE, Unfinished
from schemas.base import Contract
from schemas.errors import HubError
from schemas.manifest import DatasetManifest
from schemas.releases import Release, Releases

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete
    from huggingface_hub.hf_api import DatasetInfo, GitRefs

PURPOSE = Purpose("REPO_ID", "write")

LARGEST_DOCUMENT = 1 << 28
"""Bytes of a manifest, at most, that is read into memory; one of ten thousand shards has three million."""

_READ_TIMEOUT = 600
"""Seconds that the hub may take for an answer: it looks at every file of a commit before it gives one."""

Document = TypeVar("Document", bound=Contract)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Head:
    """What a branch of the repository holds at one commit."""

    files_at: HubFiles
    files: dict[str, HubFile]
    has_branch: bool
    """Whether this is the branch that was asked for; otherwise it is what that branch will begin with."""
    is_private: bool
    is_gated: bool
    manifest: DatasetManifest | None
    """Of what is published there; ``None`` where nothing whole is."""
    unfinished: Unfinished | None
    releases: tuple[Release, ...]

    @property
    def commit(self) -> str:
        """Its name."""
        return self.files_at.commit

    @property
    def before(self) -> str | None:
        """The commit of the last whole release."""
        if self.unfinished is not None:
            return self.unfinished.before
        return self.commit if self.manifest is not None else None


class Repository:
    """Asks and changes one repository, as one branch of it shows it. All methods raise ``HubError``."""

    def __init__(self, repo_id: str, branch: str) -> None:
        self.repo_id = repo_id
        self.branch = branch
        self.place = Place(repo_id, None if branch == MAIN else branch)
        self.is_patient = False
        """Whether work hangs on the hub's answer by now; before, somebody waits who may have mistyped something."""
        self._asker = Asker(self.place, PURPOSE)

    def check_token(self) -> None:
        """See early that there is a token, that it is valid, and that it may write."""
        from huggingface_hub import get_token  # noqa: PLC0415 - takes its time, and only the hub needs it

        if get_token() is None:
            raise HubError(
                f"{self.place}: there is no token, and publishing needs one", "set HF_TOKEN, or run hf auth login"
            )
        about: dict[str, Any] = self._ask(lambda: connect().whoami(), "the check of the token")
        token = about.get("auth", {}).get("accessToken", {})
        if token.get("role") == "read":
            raise HubError(f"{self.place}: the token may only read", "make one that may write, and set HF_TOKEN to it")
        owner = self.repo_id.partition("/")[0]
        names = [about.get("name"), *(organisation.get("name") for organisation in about.get("orgs", []))]
        if owner not in names:
            raise HubError(
                f"{self.place}: the token belongs to {names[0]}, who is neither {owner} nor a member of it",
                "check REPO_ID and HF_TOKEN",
            )

    def look(self) -> Head | None:
        """What the branch holds now; ``None`` where there is no such repository."""
        from huggingface_hub import errors  # noqa: PLC0415 - takes its time, and only the hub needs it

        def ask() -> tuple[DatasetInfo, bool] | None:
            try:
                return connect().dataset_info(self.repo_id, revision=self.branch, timeout=TIMEOUT), True
            except errors.RevisionNotFoundError:
                return connect().dataset_info(self.repo_id, timeout=TIMEOUT), False
            except errors.GatedRepoError:
                raise
            except errors.RepositoryNotFoundError:
                return None

        found = self._ask(ask, "the look at the repository")
        if found is None:
            return None
        info, has_branch = found
        if info.id != self.repo_id:
            raise HubError(f"{self.place}: the dataset is called {info.id} now", f"set REPO_ID to {info.id}")
        if has_branch and self.branch not in (MAIN, *(branch.name for branch in self._refs().branches)):
            raise HubError(
                f"{self.place}: {self.branch} is no branch there, but a tag or a commit", "name another --revision"
            )
        files_at = self.files_at(check_commit(info.sha, self.place, PURPOSE))
        files = {file.name: file for file in files_at.files()}
        unfinished = _read(files_at, files, UNFINISHED_FILE, Unfinished)
        releases = _read(files_at, files, RELEASES_FILE, Releases)
        return Head(
            files_at=files_at,
            files=files,
            has_branch=has_branch,
            is_private=bool(info.private),
            is_gated=bool(info.gated),
            manifest=_read(files_at, files, MANIFEST_FILE, DatasetManifest),
            unfinished=unfinished,
            releases=releases.releases if releases else (),
        )

    def files_at(self, commit: str) -> HubFiles:
        """Its files at a commit."""
        return HubFiles(Place(self.repo_id, commit), commit, PURPOSE, patient=self.is_patient)

    def manifest_at(self, commit: str) -> DatasetManifest | None:
        """The manifest at a commit, if it can be read."""
        files_at = self.files_at(commit)
        return _read(files_at, {file.name: file for file in files_at.files()}, MANIFEST_FILE, DatasetManifest)

    def create(self, *, private: bool) -> None:
        """Make the repository."""
        self._ask(
            lambda: connect().create_repo(
                self.repo_id, repo_type="dataset", visibility="private" if private else None, exist_ok=True
            ),
            "the repository",
        )

    def hide(self) -> None:
        """Make it private."""
        self._ask(
            lambda: connect().update_repo_settings(self.repo_id, visibility="private", repo_type="dataset"),
            "its settings",
        )

    def gate(self) -> None:
        """Let nobody have the files who was not let in by hand, and see that it is so."""
        self._ask(
            lambda: connect().update_repo_settings(self.repo_id, gated="manual", repo_type="dataset"), "its settings"
        )
        head = self.look()
        if head is None or not head.is_gated:
            raise HubError(
                f"{self.place}: the hub does not gate the repository, and pictures must not be open to all",
                "gate it on its settings page, and run the same command again",
            )

    def open_branch(self) -> None:
        """Make the branch, where main is."""
        self._ask(
            lambda: connect().create_branch(self.repo_id, branch=self.branch, repo_type="dataset", exist_ok=True),
            f"the branch {self.branch}",
        )

    def tags(self) -> dict[str, str]:
        """Commits by tag."""
        return {tag.name: tag.target_commit for tag in self._refs().tags}

    def tag(self, name: str, commit: str) -> None:
        """Give a commit a name; where the name is there already, it stays where it is."""
        self._ask(
            lambda: connect().create_tag(self.repo_id, tag=name, revision=commit, repo_type="dataset", exist_ok=True),
            f"the tag {name}",
        )

    def check_card(self, card: str) -> None:
        """Let the hub look at a card before days of uploading."""
        from huggingface_hub import DatasetCard  # noqa: PLC0415 - takes its time, and only the hub needs it

        self._ask(lambda: DatasetCard(card).validate(repo_type="dataset"), "the card")

    def send(self, additions: Sequence[CommitOperationAdd]) -> None:
        """Upload what files hold, so that a commit need only name it. What the hub has already is not sent."""

        def ask() -> None:
            try:
                connect().preupload_lfs_files(self.repo_id, additions, repo_type="dataset", revision=self.branch)
            except PermissionError as error:
                if error.errno is not None:
                    raise  # a file of ours, not the hub's storage
                raise HubError(
                    f"{self.place}: the hub's storage refuses the upload", "check that HF_TOKEN may write this dataset"
                ) from error

        self._asker.call(ask, "the upload", patient=True, broken=(RuntimeError, ConnectionError, TimeoutError))

    def commit(
        self, operations: Sequence[CommitOperationAdd | CommitOperationDelete], message: str, parent: str
    ) -> bool:
        """Change the branch at once, unless somebody else changed it meanwhile.

        Where the answer is lost the next attempt finds that: its parent is not the branch's head any more, and what it
        deletes is gone.

        Returns:
            Whether it was changed.
        """
        from huggingface_hub import errors  # noqa: PLC0415 - takes its time, and only the hub needs it

        def ask() -> bool:
            try:
                connect().create_commit(
                    self.repo_id,
                    operations,
                    commit_message=message,
                    repo_type="dataset",
                    revision=self.branch,
                    parent_commit=parent,
                )
            except errors.RemoteEntryNotFoundError:
                return False
            except errors.HfHubHTTPError as error:
                if error.response.status_code == HTTPStatus.PRECONDITION_FAILED:
                    return False
                raise
            return True

        return self._asker.call(ask, "the commit", patient=True, broken=(RuntimeError, ConnectionError, TimeoutError))

    def give_way(self, turn: int) -> None:
        """Wait before the repository is looked at anew, longer each turn; refuse when there were too many."""
        if turn == len(asking.WAITS):
            raise HubError(
                f"{self.place}: the hub says each time that somebody else has just changed it",
                "run the same command again later, or check that HF_TOKEN may write, and not only propose changes",
            )
        time.sleep(asking.WAITS[turn])

    def load(self, load: Callable[[], Answer]) -> Answer:
        """Let a library read from the hub, and again where the connection breaks."""
        return self._asker.call(load, "load_dataset", patient=True, broken=(ConnectionError, TimeoutError))

    def _refs(self) -> GitRefs:
        return self._ask(lambda: connect().list_repo_refs(self.repo_id, repo_type="dataset"), "its branches and tags")

    def _ask(self, request: Callable[[], Answer], what: str) -> Answer:
        return self._asker.call(request, what, patient=self.is_patient)


@contextlib.contextmanager
def quiet_client() -> Iterator[None]:
    """Keep ``huggingface_hub`` from drawing bars, from writing addresses into the log, and from waiting for ever."""
    from huggingface_hub import set_client_factory  # noqa: PLC0415 - takes its time, and only the hub needs it
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # noqa: PLC0415 - exported lazily
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
        logging,
    )
    from huggingface_hub.utils._http import default_client_factory  # noqa: PLC0415 - has no public name

    def make_client() -> Any:
        client = default_client_factory()
        client.timeout = type(client.timeout)(TIMEOUT, read=_READ_TIMEOUT)
        return client

    bars_were_off, level = are_progress_bars_disabled(), logging.get_verbosity()
    set_client_factory(make_client)
    disable_progress_bars()
    logging.set_verbosity(ERROR)  # its warnings hold signed addresses
    try:
        yield
    finally:
        set_client_factory(default_client_factory)
        logging.set_verbosity(level)
        if not bars_were_off:
            enable_progress_bars()


def _read(files_at: HubFiles, files: dict[str, HubFile], name: str, kind: type[Document]) -> Document | None:
    """A JSON document, or ``None`` where it is missing, or none of ours."""
    file = files.get(name)
    if file is None or file.size > LARGEST_DOCUMENT:
        return None
    try:
        return kind.model_validate_json(files_at.read(name, 0, file.size))
    except ValidationError:
        return None
