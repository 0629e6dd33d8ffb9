"""Where a server is, and what opens its door."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Address:
    """One server's URLs."""

    base: str
    """As configured, without a slash at its end; the protocol's paths follow it."""

    @classmethod
    def of(cls, url: str) -> Address:
        """The address that a configured URL means."""
        return cls(url.rstrip("/"))

    @property
    def root(self) -> str:
        """Where vLLM keeps what is no part of the OpenAI protocol."""
        return self.base.removesuffix("/v1")

    def __str__(self) -> str:
        return self.base


@dataclass(frozen=True, slots=True)
class Access:
    """The key that the servers want, and where it was found. The key itself is in no ``repr`` and no message."""

    variable: str
    key: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, variable: str) -> Access:
        """Read the key.

        Raises:
            ConfigError: it cannot stand in an HTTP header.
        """
        key = os.environ.get(variable, "").strip()
        if not key.isascii() or not key.isprintable():
            raise ConfigError(f"the environment variable {variable} holds no key", "it must be one line of plain ASCII")
        return cls(variable, key or None)

    @property
    def headers(self) -> dict[str, str]:
        """What goes with each request. Answers are asked for unpacked, so that their size is what it seems."""
        authorization = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Accept": "application/json", "Accept-Encoding": "identity", **authorization}

    def hide(self, text: str) -> str:
        """A server's words without the key, should it have repeated it."""
        return text.replace(self.key, "***") if self.key else text
