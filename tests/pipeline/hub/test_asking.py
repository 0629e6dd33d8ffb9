"""What is asked again, for how long, and whom a refusal speaks to."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi, constants

from pipeline.hub import Asker, Place, Purpose, asking
from schemas.errors import DatasetError, HubError

WRITER = Asker(Place("a/b"), Purpose("REPO_ID", "write"))
READER = Asker(Place("a/b"), Purpose("ANNOTATIONS", error=DatasetError))


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(asking.time, "sleep", waited.append)  # type: ignore[attr-defined]  # the module's own import
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return waited


def test_days_of_work_wait_longer_than_somebody_does(pauses: list[float]) -> None:
    def fail() -> None:
        raise ConnectionError

    with pytest.raises(HubError, match=r"hf://datasets/a/b: the upload does not go through \(ConnectionError\); run"):
        WRITER.call(fail, "the upload", broken=(ConnectionError,))
    assert pauses == list(asking.FIRST_WAITS)
    pauses.clear()
    with pytest.raises(DatasetError, match=r"hf://datasets/a/b: a\.tar cannot be had from the hub \(ConnectionError\)"):
        READER.call(fail, "a.tar", patient=True, broken=(ConnectionError,))
    assert pauses == list(asking.WAITS)


def test_what_is_no_broken_connection_is_a_defect_of_ours() -> None:
    def fail() -> None:
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        WRITER.call(fail, "the upload")


def test_the_hubs_reasons_are_said_to_writers_without_addresses_and_on_one_line() -> None:
    def fail() -> None:
        raise ValueError("Invalid metadata in README.md.\n- see https://somewhere/?signature=secret for \x1b[0m more")

    with pytest.raises(HubError) as caught:
        WRITER.call(fail, "the card")
    assert str(caught.value).startswith(
        "hf://datasets/a/b: the card: the hub refuses it: Invalid metadata in README.md."
    )
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()
    with pytest.raises(DatasetError, match="what answers is no hub"):
        READER.call(fail, "a.tar")


def test_what_the_storage_says_of_a_connection_is_passed_on_without_addresses() -> None:
    def fail() -> None:
        raise ConnectionError("HTTP status client error (404 Not Found), domain: https://somewhere/?signature=secret")

    with pytest.raises(HubError, match=r"not go through \(ConnectionError: HTTP .* \(404 Not Found\), domain:\); run"):
        WRITER.call(fail, "the upload", broken=(ConnectionError,))


def test_offline_and_impossible_names_speak_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match="the hub can have no dataset of this name; check ANNOTATIONS"):
        READER.call(lambda: HfApi().dataset_info("a b"), "it")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set; unset it"):
        WRITER.call(lambda: HfApi().dataset_info("a/b"), "it")
