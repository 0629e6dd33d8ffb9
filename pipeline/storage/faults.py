"""What a store's errors mean, which of them pass, and how long that is waited for."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pipeline.lines import printable
from schemas.errors import StorageError

Result = TypeVar("Result")

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each further try: about a minute in all, which a store's restart takes. Longer would keep engines
waiting with full buffers, and what was not sent is still here."""

FEW_PAUSES = (0.5, 1.0)
"""The same where somebody waits to be told that an address is wrong."""


@dataclass(frozen=True, slots=True)
class _Fault:
    sign: re.Pattern[str]
    meaning: str
    remedy: str
    passes: bool


class PassingError(Exception):
    """Something that may well succeed when it is tried again.

    Args:
        meaning: what it was.
    """

    def __init__(self, meaning: str) -> None:
        super().__init__(meaning)
        self.meaning = meaning


_CREDENTIALS = "check the credentials in the environment (AWS_ACCESS_KEY_ID, AWS_PROFILE), and what they may do there"
_LATER = "what is done is kept; run the same command again later"
# Arrow tells the store's own error by name, or by its HTTP status, inside one sentence.
_FAULTS = (
    _Fault(
        re.compile("NO_SUCH_BUCKET|InvalidBucketName"),
        "no such bucket",
        "make it, or mend the address",
        passes=False,
    ),
    _Fault(
        re.compile(
            "ACCESS_DENIED|INVALID_ACCESS_KEY_ID|SIGNATURE_DOES_NOT_MATCH|INVALID_CLIENT_TOKEN_ID|EXPIRED_TOKEN"
            "|ExpiredToken|UNRECOGNIZED_CLIENT|MISSING_AUTHENTICATION_TOKEN|HTTP status 40[13]"
        ),
        "no access",
        _CREDENTIALS,
        passes=False,
    ),
    _Fault(
        re.compile("NETWORK_CONNECTION|curlCode"),
        "cannot be reached",
        f"check the network and AWS_ENDPOINT_URL; {_LATER}",
        passes=True,
    ),
    _Fault(
        re.compile(
            "SLOW_DOWN|SERVICE_UNAVAILABLE|INTERNAL_FAILURE|INTERNAL_SERVER_ERROR|REQUEST_TIMEOUT|REQUEST_TIME_TOO"
            "|THROTTLING|HTTP status (429|5[0-9][0-9])"
        ),
        "out of order or overloaded",
        _LATER,
        passes=True,
    ),
)


def persist(what: str, action: Callable[[], Result], pauses: Sequence[float]) -> Result:
    """Do something on a store, and again after a pause where an error may pass.

    Args:
        what: the address, for errors.
        action: may be done any number of times.
        pauses: seconds before each further try.

    Raises:
        StorageError: it cannot be done; what was the matter, and what to do about it.
        FileNotFoundError: there is no such object.
        OSError: of this machine's disk.
    """
    for pause in (*pauses, None):
        try:
            return action()
        except PassingError as error:
            if pause is None:
                raise StorageError(f"{what}: {error.meaning}", _LATER) from error
        except OSError as error:
            if error.errno is not None:  # a file's, not the store's
                raise
            fault = next((fault for fault in _FAULTS if fault.sign.search(str(error))), None)
            if fault is None:
                raise StorageError(f"{what}: {printable(str(error))}") from error
            if pause is None or not fault.passes:
                raise StorageError(f"{what}: {fault.meaning} ({_brief(error)})", fault.remedy) from error
        time.sleep(pause)
    raise AssertionError  # the last try returns or raises


def _brief(error: OSError) -> str:
    """The store's own words, without the identifiers of one request."""
    return printable(re.sub(r"\s*\(?Request ID:[^)]*\)?", "", str(error)).rpartition("AWS Error ")[2].strip(" :"))
