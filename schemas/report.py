"""What a stage did in one run: small files beside the data, for tables and people. Nothing is decided from them."""

from __future__ import annotations

from pydantic import Field

from schemas.base import Contract


class CanaryReport(Contract):
    """What the canaries came to when the engine last started."""

    asked: int = Field(ge=0)
    """Pictures."""
    compared: int = Field(ge=0)
    """Pictures whose greedy texts alone and together were compared: none where there was only one picture."""
    exact: int = Field(ge=0)
    """Of these, pictures whose two texts are the same."""
    ok: int = Field(ge=0)
    """Pictures that got a valid pair when asked as the build asks."""


class GenerationReport(Contract):
    """One teacher's last run that asked anything."""

    teacher: str
    model: str
    engine: str
    attempts: int = Field(ge=0)
    statuses: dict[str, int]
    rungs: dict[str, int] = Field(default={})
    """Attempts by rung of the retry ladder."""
    completion_tokens: int = Field(ge=0)
    restarts: int = Field(ge=0)
    seconds: float = Field(ge=0)
    starved_seconds: float = Field(ge=0)
    """Time with an open place in the window and no picture ready."""
    canaries: CanaryReport | None = None
    """``None`` where the engine has none."""

    @property
    def starved_share(self) -> float:
        """Share of the run in which the engine could have taken a request and got none."""
        return self.starved_seconds / self.seconds if self.seconds else 0.0


class StageTime(Contract):
    """How long a stage took when it last did something."""

    stage: str
    seconds: float = Field(ge=0)
