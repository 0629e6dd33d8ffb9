"""Which answers of the hub can be waited out, for how long, and how the others are put."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus

from pipeline.hub.place import Place
from pipeline.hub.purpose import Purpose
from pipeline.lines import printable

LONGEST_WAIT = 600
"""Seconds, at most, that the hub may ask for itself (``Retry-After``)."""

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same request can succeed. A connection that breaks is another such case.

The hub makes one commit of a repository at a time, and answers 409 to others meanwhile; ``datasets`` waits for it, too
(``Dataset.push_to_hub``).
"""

NO_HUB = "check HF_ENDPOINT, and whether a proxy or a login page stands between"

_LOGIN = re.compile("//[^/]*@")
_ADDRESSES = re.compile(r"\S*://\S*")


def error_classes() -> tuple[type[Exception], ...]:
    """All that ``huggingface_hub`` and its HTTP client raise before they look at an answer."""
    from huggingface_hub import errors  # noqa: PLC0415 - takes its time, and only the hub needs it

    return (errors.HTTPError, errors.HFValidationError, errors.OfflineModeIsEnabled, UnicodeEncodeError)  # type: ignore[attr-defined]


def judge(error: Exception, place: Place, purpose: Purpose, what: str) -> tuple[float, str]:
    """Seconds to wait, at least, before the request is made again, and why; addresses, being signed, are not repeated.

    Raises:
        ImageNetThinkError: asking again is of no use.
    """
    from huggingface_hub import constants, errors  # noqa: PLC0415 - takes its time, and only the hub needs it

    for kind, problem, remedy in _refusals(place, purpose, what):
        if isinstance(error, kind):
            raise purpose.refuse(f"{place}: {problem}", remedy) from error
    if not constants.ENDPOINT.startswith(("https://", "http://")):
        raise purpose.refuse(
            f"{place}: HF_ENDPOINT is no web address", "write it with https://, or unset it"
        ) from error
    if not isinstance(error, errors.HfHubHTTPError):
        reason = say(error) if isinstance(error, ConnectionError) else ""  # ``hf_xet`` tells refusals by it alone
        return 0.0, type(error).__name__ + (f": {reason}" if reason else "")
    status = error.response.status_code
    if status in RETRIED:
        return _asked_for(error.response.headers), _name(status)
    reason = _reason(error) if purpose.right == "write" else ""
    remedy = f"check that HF_TOKEN is valid and may {purpose.right} this dataset" if status in (401, 403) else ""
    raise purpose.refuse(f"{place}: {what}: the hub answers {_name(status)}{reason}", remedy) from error


def say(error: Exception) -> str:
    """An error's message on one line, without the addresses in it."""
    return printable(" ".join(_ADDRESSES.sub("", str(error)).split()))


def _refusals(place: Place, purpose: Purpose, what: str) -> tuple[tuple[type[Exception], str, str], ...]:
    """Errors after which nobody need ask again, special ones first: what is wrong, and the remedy."""
    from huggingface_hub import constants, errors  # noqa: PLC0415 - takes its time, and only the hub needs it

    page = f"{_LOGIN.sub('//', constants.ENDPOINT)}/datasets/{place.repo}"
    setting = purpose.setting
    return (
        (UnicodeEncodeError, "the token holds characters that no token has", "check HF_TOKEN"),
        (errors.HFValidationError, "the hub can have no dataset of this name", f"check {setting}"),
        (errors.OfflineModeIsEnabled, "HF_HUB_OFFLINE is set", purpose.instead),
        (errors.GatedRepoError, "access is gated", f"accept the terms on {page}, and set HF_TOKEN"),
        (errors.DisabledRepoError, "the hub has disabled this dataset", f"see {page}"),
        (
            errors.RepositoryNotFoundError,
            "the hub has no such dataset, or not for you",
            f"check {setting}, or set HF_TOKEN",
        ),
        (errors.RevisionNotFoundError, f"it has no revision {place.revision or 'main'} (any more)", purpose.moved),
        (errors.RemoteEntryNotFoundError, f"it has no {what.rstrip('/')}", f"check the folder in {setting}"),
    )


def _name(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _reason(error: Exception) -> str:
    """What the hub says of its refusal, which it explains to those who may write."""
    message = getattr(error, "server_message", None)
    return f" ({printable(_ADDRESSES.sub('', ' '.join(str(message).split())))})" if message else ""


def _asked_for(headers: Mapping[str, str]) -> float:
    """Seconds that the hub asks for: ``Retry-After``, or what it says of a used-up rate limit."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]  # noqa: PLC0415 - exported lazily
        parse_ratelimit_headers,
    )

    limit = parse_ratelimit_headers(headers)
    after = headers.get("Retry-After", "")
    seconds = int(after) if after.isdecimal() else 0  # a date, which the hub does not send, counts as none
    if limit is not None and limit.remaining == 0:
        seconds = max(seconds, limit.reset_in_seconds + 1)
    return float(min(seconds, LONGEST_WAIT))
