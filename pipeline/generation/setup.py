"""One teacher of one build: its settings, its way of generating, its side of the ledger."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.engines import check_engine, create_engine
from pipeline.engines.base import IDENTIFYING, Engine, EngineInfo
from pipeline.files import write_atomic
from pipeline.generation.ledger import ledger_directory
from pipeline.generation.results import LedgerResults
from pipeline.generation.retries import ladder_of
from pipeline.screening import NORMALISATION_VERSION
from pipeline.teachers import GRAMMARS, Grammar, load_teacher, resolve_sampling
from prompts import Prompt, load_prompt
from schemas.base import canonical_json
from schemas.completion import FinishReason, Rung, ThinkingAnswer
from schemas.config import BuildConfig, TeacherConfig
from schemas.engines import CanaryConfig, ModelEngine
from schemas.errors import RunDirectoryError
from schemas.identity import GenerationIdentity
from schemas.teacher import Sampling, TeacherSpec

NO_CANARIES = CanaryConfig(images=0)


@dataclass(frozen=True, slots=True)
class TeacherSetup:
    """One teacher as this build asks it."""

    config: TeacherConfig
    spec: TeacherSpec
    sampling: Sampling
    grammar: Grammar
    prompt: Prompt
    canaries: CanaryConfig = NO_CANARIES
    """What its engine must show when it starts; nothing where there is no model behind it."""

    @property
    def name(self) -> str:
        """The teacher's name."""
        return self.spec.name

    @property
    def ladder(self) -> tuple[Rung, ...]:
        """What each attempt changes, as far as the engine can."""
        return ladder_of(self.config.engine)

    def parse(self, raw: str, finish_reason: FinishReason) -> ThinkingAnswer:
        """Read a raw text by the teacher's grammar, in the prompt's language."""
        return self.grammar.parse(raw, finish_reason, self.prompt.language)

    def start_engine(self) -> Engine:
        """Start the engine that runs this teacher."""
        return create_engine(self.config.engine, self.spec, self.grammar)

    def check_engine(self) -> None:
        """Meet a misspelt engine without starting it; raises as :func:`pipeline.engines.check_engine` does."""
        check_engine(self.config.engine, self.spec, self.grammar, self.sampling)

    @property
    def _words_sha256(self) -> str:
        """Digest of all words that the model is sent: of the prompt alone where no message comes before it."""
        if self.spec.system is None:
            return self.prompt.sha256
        return hashlib.sha256(canonical_json([self.spec.system, self.prompt.text])).hexdigest()

    def identify(self, info: EngineInfo) -> GenerationIdentity:
        """The way of generating that this teacher on that engine is."""
        return GenerationIdentity(
            teacher=self.name,
            model=info.model,
            revision=info.revision,
            dtype=info.dtype,
            quantization=info.quantization,
            processor=info.processor,
            prompt_sha256=self._words_sha256,
            temperature=self.sampling.temperature,
            top_p=self.sampling.top_p,
            top_k=self.sampling.top_k,
            repetition_penalty=self.sampling.repetition_penalty,
            normalisation=NORMALISATION_VERSION,
        )


def set_up_teachers(config: BuildConfig) -> list[TeacherSetup]:
    """Look up everything that a build's teachers need.

    Raises:
        ConfigError: an unknown teacher or prompt.
    """
    prompt = load_prompt(config.prompt)
    setups = []
    for teacher in config.teachers:
        spec = load_teacher(teacher.name)
        sampling = resolve_sampling(spec, teacher.sampling)
        canaries = teacher.engine.canaries if isinstance(teacher.engine, ModelEngine) else NO_CANARIES
        setups.append(TeacherSetup(teacher, spec, sampling, GRAMMARS[spec.grammar], prompt, canaries))
    return setups


def check_identity(setup: TeacherSetup, info: EngineInfo, ledger: Path) -> GenerationIdentity:
    """Make sure that an engine may write a ledger.

    Raises:
        RunDirectoryError: another way of generating wrote it so far; the two are never mixed in one dataset.
    """
    identity = setup.identify(info)
    stored = _load_identity(ledger, setup.name)
    if stored is not None:
        _refuse_change(stored, identity, ledger)
    return identity


def claim_identity(setup: TeacherSetup, info: EngineInfo, ledger: Path) -> GenerationIdentity:
    """Bind a ledger to the engine that is about to write it.

    Raises:
        RunDirectoryError: see :func:`check_identity`.
    """
    identity = check_identity(setup, info, ledger)
    path = identity_file(ledger, setup.name)
    if not path.exists():
        write_atomic(path, canonical_json(identity.model_dump(mode="json")))
    return identity


def read_results(setup: TeacherSetup, ledger: Path, chunk: str | None = None) -> LedgerResults | None:
    """What the ledger holds of a teacher, or ``None`` when it was never asked.

    Args:
        setup: the teacher as it is asked today.
        ledger: the ledger's root.
        chunk: only what was written for this chunk; everything when left out.

    Raises:
        RunDirectoryError: prompt, sampling or normalisation are not those that wrote it; what a model was asked in
            other words must not be packed under these.
    """
    identity = _load_identity(ledger, setup.name)
    if identity is None:
        return None
    engine = {name: getattr(identity, name) for name in IDENTIFYING}
    _refuse_change(identity, setup.identify(EngineInfo(engine="", **engine)), ledger)
    directory = ledger_directory(ledger, setup.name, identity.fingerprint)
    return LedgerResults(directory, setup.spec, identity, setup.parse, setup.sampling.max_tokens, chunk)


def _refuse_change(stored: GenerationIdentity, identity: GenerationIdentity, ledger: Path) -> None:
    if stored.fingerprint == identity.fingerprint:
        return
    changed = [
        f"{name} was {getattr(stored, name)!r} and is {getattr(identity, name)!r}"
        for name in GenerationIdentity.model_fields
        if getattr(stored, name) != getattr(identity, name)
    ]
    raise RunDirectoryError(
        f"{stored.teacher}: {ledger} was written in another way of generating ({'; '.join(changed)})",
        "go back to that way, or start a new run directory",
    )


def identity_file(ledger: Path, teacher: str) -> Path:
    """Where it is kept which way of generating wrote a teacher's ledger."""
    return ledger / f"teacher={teacher}" / "identity.json"


def _load_identity(ledger: Path, teacher: str) -> GenerationIdentity | None:
    path = identity_file(ledger, teacher)
    if not path.exists():
        return None
    try:
        return GenerationIdentity.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise RunDirectoryError(f"{path}: damaged", "restore it, or start a new run directory") from error
