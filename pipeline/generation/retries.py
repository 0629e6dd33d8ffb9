"""Every decision about asking again, in two tables."""

from __future__ import annotations

from enum import Enum, auto

from schemas.completion import PairStatus, Rung
from schemas.engines import EngineConfig, OpenAIEngine
from schemas.errors import EngineDiedError, EngineError, EngineUnavailableError, RequestRefusedError
from schemas.teacher import Sampling

LADDER: tuple[Rung, ...] = (Rung.AS_IS, Rung.NEW_SEED, Rung.REPETITION_PENALTY, Rung.FORCED_CLOSE)
"""What the first, second, ... attempt changes. Every attempt has its own seed; later rungs also bend the sampling."""

PENALTY_FACTOR = 1.05
"""How much ``REPETITION_PENALTY`` raises the teacher's own penalty: mild, since higher ones garble long texts."""

BUDGET_SHARE = 0.75
"""Share of ``max_tokens`` after which ``FORCED_CLOSE`` ends the thinking, so that an answer still fits."""

_EXTENSIONS = frozenset({Rung.REPETITION_PENALTY, Rung.FORCED_CLOSE})

FEWEST_REFUSALS = 32
"""So many refusals in a row, and at least a whole window of them, are the engine's fault and not the images'."""

FINAL: frozenset[PairStatus] = frozenset({PairStatus.OK, PairStatus.REFUSED})
"""Statuses after which a teacher is not asked again; all others go to the next rung, until the attempts are used up."""


class ErrorPolicy(Enum):
    """What an engine's error means for the request that met it."""

    WAIT = auto()
    """It is held back for a while and asked again. No attempt."""
    RESTART = auto()
    """The engine is started again, ``generation.engine_restarts`` times at most, and asked again. No attempt."""
    FAIL_ALONE = auto()
    """It is an attempt, and leaves a row in the ledger."""
    STOP = auto()
    """The run ends: somebody must mend something first."""


ERROR_POLICIES: dict[type[EngineError], ErrorPolicy] = {
    EngineUnavailableError: ErrorPolicy.WAIT,
    EngineDiedError: ErrorPolicy.RESTART,
    RequestRefusedError: ErrorPolicy.FAIL_ALONE,
    EngineError: ErrorPolicy.STOP,
}
"""By the first class that an error is an instance of."""

FIRST_PAUSE = 0.5
"""Seconds to wait after the first unavailability; doubled each time."""

FIRST_PAUSE_OF_STARTS = 10.0
"""Seconds to wait after a restart that failed, which costs one of those allowed; doubled each time. The memory of an
engine that died may come back late."""

LONGEST_PAUSE = 60.0

TELL_AFTER = 60.0
"""Seconds without any answer after which the user hears that an unavailable engine is waited for."""

PATIENCE = 1800.0
"""Seconds without any answer after which an engine that stays unavailable stops the run."""


def ladder_of(engine: EngineConfig) -> tuple[Rung, ...]:
    """The ladder as an engine can climb it.

    A server without vLLM's additions to the protocol takes neither a repetition penalty nor a thinking budget. These
    rungs are new seeds there, and are called so: another draw may help, a rung that only claims to differ helps nobody.
    """
    plain = isinstance(engine, OpenAIEngine) and not engine.extensions
    return tuple(Rung.NEW_SEED if plain and rung in _EXTENSIONS else rung for rung in LADDER)


def bend_sampling(sampling: Sampling, rung: Rung) -> tuple[Sampling, int | None]:
    """Sampling parameters and thinking budget, in tokens, for a rung."""
    match rung:
        case Rung.AS_IS | Rung.NEW_SEED:
            return sampling, None
        case Rung.REPETITION_PENALTY:
            penalty = round(sampling.repetition_penalty * PENALTY_FACTOR, 4)
            return sampling.model_copy(update={"repetition_penalty": penalty}), None
        case Rung.FORCED_CLOSE:
            return sampling, max(1, int(sampling.max_tokens * BUDGET_SHARE))


def policy_of(error: EngineError) -> ErrorPolicy:
    """What to do about an engine's error, one of an engine's own subclasses too."""
    return next(policy for kind, policy in ERROR_POLICIES.items() if isinstance(error, kind))


def pause_after(failures: int, jitter: float, first: float = FIRST_PAUSE) -> float:
    """Seconds to wait after the n-th failure in a row (n >= 1); ``jitter`` in [0, 1) spreads them over a half."""
    return min(LONGEST_PAUSE, first * 2.0 ** min(failures - 1, 16)) * (1 - jitter / 2)
