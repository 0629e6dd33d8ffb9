"""Are the teachers' weights here, or can they be had?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pipeline.doctor.cases import AnyEngine, Case, lacked_by, on
from pipeline.doctor.disk import free_bytes, is_writable, nearest_folder
from pipeline.doctor.finding import Finding, gib, ok, warning
from pipeline.engines.checkpoint import is_commit, is_folder, named_model
from schemas.engines import VllmEngine

HUB_SECONDS = 5.0
"""How long the hub may take to answer."""

_UNNAMED = ("model.safetensors",)
"""Where weights are that no index names."""


Find = Callable[[str], Path | None]
"""Where a file of a checkpoint is, by its name; ``None`` where it is not here."""


@dataclass(frozen=True, slots=True)
class _Files:
    """What of a checkpoint is here."""

    weights: int
    """Bytes of its weights."""
    missing: tuple[str, ...]
    """What it cannot be loaded without."""
    normalises: bool
    """Its files tell vLLM how to normalise pictures."""


@dataclass(frozen=True, slots=True)
class _Weights:
    """A model of the hub that a case wants."""

    case: Case[VllmEngine]
    model: str
    revision: str | None
    files: _Files

    @property
    def is_complete(self) -> bool:
        """All of it is in the cache."""
        return not self.files.missing

    @property
    def missing(self) -> int:
        """Bytes to download; 0 where nobody knows."""
        if self.is_complete or self.model != self.case.spec.model:
            return 0
        return max(0, int(self.case.spec.requires.weights_gib * 2**30) - self.files.weights)


def examine_models(cases: Sequence[Case[AnyEngine]]) -> Iterator[Finding]:
    """Look for the weights of each teacher on vLLM: in a folder, in the cache, at the hub."""
    from huggingface_hub import constants  # noqa: PLC0415 - takes its time, and only models need it

    for case in on(VllmEngine, cases):
        model, _ = named_model(case.engine, case.spec)
        if is_folder(model):
            yield from _judge_folder(case, Path(model).expanduser())
    cache = Path(constants.HF_HUB_CACHE)
    wanted = _look_up(cases, cache)
    if not wanted:
        return
    absent = [weights for weights in wanted if not weights.is_complete]
    yield _judge_cache(cache, absent)
    hub = _Hub(is_offline=constants.is_offline_mode())
    commits = {weights.model: hub.ask(weights.model, weights.revision) for weights in wanted}
    yield hub.judge(absent)
    for weights in wanted:
        yield _judge_weights(weights, hub)
        if weights.is_complete:
            yield from _judge_normalisation(weights.case, weights.files)
        yield from _judge_pin(weights, commits[weights.model])


def bytes_to_come(cases: Sequence[Case[AnyEngine]], path: Path) -> int:
    """Bytes of weights that are still to be downloaded onto the disk that holds, or will hold, a path."""
    from huggingface_hub import constants  # noqa: PLC0415 - takes its time, and only models need it

    cache = Path(constants.HF_HUB_CACHE)
    if nearest_folder(cache).stat().st_dev != nearest_folder(path).stat().st_dev:
        return 0
    return sum(weights.missing for weights in _look_up(cases, cache))


class _Hub:
    """Asks the hub about models, and no more once it did not answer."""

    def __init__(self, *, is_offline: bool) -> None:
        self.is_offline = is_offline
        self.silence = ""
        """Why it cannot be reached."""
        self.refusals: dict[str, str] = {}
        """What it says of models that it does not give, by model."""

    @property
    def answers(self) -> bool:
        """Whether it can be asked, as far as is known."""
        return not self.is_offline and not self.silence

    def ask(self, model: str, revision: str | None) -> str | None:
        """The commit of a model's revision; ``None`` when it is not to be learnt."""
        if not self.answers:
            return None
        from huggingface_hub import HfApi, errors  # noqa: PLC0415 - takes its time, and only models need it

        try:
            return HfApi().model_info(model, revision=revision, timeout=HUB_SECONDS).sha
        except errors.GatedRepoError:
            self.refusals[model] = "the hub gives it only to those who accepted its terms, by HF_TOKEN"
        except errors.RevisionNotFoundError:
            self.refusals[model] = f"the hub has no revision {revision} of it"
        except (errors.RepositoryNotFoundError, errors.HFValidationError):
            self.refusals[model] = "the hub has no such model, or not for this HF_TOKEN"
        except errors.HfHubHTTPError as error:
            response = error.response
            if response.is_client_error and response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                self.refusals[model] = f"the hub answers {response.status_code} {response.reason_phrase}"
            else:
                self.silence = _first_line(error)
        # HTTPError is the root of what its client raises about the way there; the others are about settings of proxies
        except (errors.HTTPError, OSError, ImportError, ValueError) as error:  # type: ignore[attr-defined]
            self.silence = _first_line(error)
        return None

    def judge(self, absent: Sequence[_Weights]) -> Finding:
        """Whether the hub can be reached, and whether that matters."""
        from huggingface_hub import constants  # noqa: PLC0415 - takes its time, and only models need it

        address = _hide_login(constants.ENDPOINT)
        if self.answers:
            return ok("hub", f"{address} answers")
        if self.is_offline:
            detail, remedy = "offline mode (HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE)", "unset the variable"
        else:
            detail, remedy = f"{address} does not answer: {self.silence}", "check network and HTTPS_PROXY"
        if not absent:
            return ok("hub", f"{detail}; not needed, all weights are here")
        return warning("hub", detail, remedy)


def _judge_folder(case: Case[VllmEngine], folder: Path) -> Iterator[Finding]:
    what = f"{case.spec.name} weights"
    files = _take_stock(
        lambda name: folder / name if (folder / name).is_file() else None,
        sorted(file.name for file in folder.glob("*.safetensors")) or _UNNAMED,
    )
    if files.missing:
        detail = f"{folder} holds no {', '.join(files.missing)}"
        yield case.lacks(what, detail, "set engine.model to a folder with a whole checkpoint")
        return
    yield ok(what, f"in {folder}, {gib(files.weights)}")
    yield from _judge_normalisation(case, files)


def _judge_normalisation(case: Case[VllmEngine], files: _Files) -> Iterator[Finding]:
    """Whether the model would see pictures as it was trained to: vLLM says nothing where it does not."""
    by_own_code = case.spec.remote_code or case.engine.engine_args.get("mm_device_do_normalize") is False
    if not by_own_code and not files.normalises:
        yield case.lacks(
            f"{case.spec.name} pictures",
            "the checkpoint's preprocessor_config.json has no image_mean and image_std, so vLLM shows it raw pixels",
            "take that file from the model's repository, or set engine.engine_args to {mm_device_do_normalize: false}",
        )


def _judge_cache(cache: Path, absent: Sequence[_Weights]) -> Finding:
    free, needed = free_bytes(cache), sum(weights.missing for weights in absent)
    detail = f"{cache}: {gib(free)} free" + (f", {gib(needed)} to download" if needed else "")
    cases = [weights.case for weights in absent]
    if absent and not is_writable(cache):
        return lacked_by(cases, "model cache", f"{cache}: cannot be written", "set HF_HOME to a folder that can")
    if needed > free:
        return lacked_by(cases, "model cache", detail, "make room, or set HF_HOME to a larger disk")
    return ok("model cache", detail)


def _judge_weights(weights: _Weights, hub: _Hub) -> Finding:
    what = f"{weights.case.spec.name} weights"
    at = f"{weights.model} at {weights.revision}" if weights.revision else weights.model
    if weights.is_complete:
        return ok(what, f"{at}: in the cache, {gib(weights.files.weights)}")
    cached = weights.files.weights
    here = f"{at}: " + (f"only {gib(cached)} in the cache" if cached else "not in the cache")
    command = f"hf download {weights.model}" + (f" --revision {weights.revision}" if weights.revision else "")
    if refusal := hub.refusals.get(weights.model):
        return weights.case.lacks(what, f"{here}; {refusal}", "check engine.model, engine.revision and HF_TOKEN")
    if not hub.answers:
        remedy = f"run {command} where there is a network, and bring the cache (HF_HOME) here"
        return weights.case.lacks(what, f"{here}, and the hub cannot be asked", remedy)
    return warning(what, f"{here}; the engine downloads it when it starts", f"beforehand: {command}")


def _judge_pin(weights: _Weights, commit: str | None) -> Iterator[Finding]:
    """Whether a later run would have the same weights, and whether code runs that nobody read."""
    if is_commit(weights.revision):
        return
    case, what = weights.case, f"{weights.case.spec.name} revision"
    today = f"; today that is {commit}" if commit else ""
    if case.spec.remote_code:
        yield case.lacks(
            what,
            f"{weights.model} runs Python code of its own, and no commit is named",
            f"read that code, then set engine.revision to the commit that you read{today}",
        )
    elif case.required:
        yield warning(what, f"{weights.model}: no commit is named", f"set engine.revision, so that it stays{today}")


def _look_up(cases: Sequence[Case[AnyEngine]], cache: Path) -> list[_Weights]:
    """Find in the cache what the hub's models of all cases have there."""
    named = [(case, *named_model(case.engine, case.spec)) for case in on(VllmEngine, cases)]
    return [
        _Weights(case, model, revision, _take_stock(_finder(model, revision, cache), _UNNAMED))
        for case, model, revision in named
        if not is_folder(model)
    ]


def _finder(model: str, revision: str | None, cache: Path) -> Find:
    from huggingface_hub import try_to_load_from_cache  # noqa: PLC0415 - takes its time, and only models need it
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    def find(file: str) -> Path | None:
        try:
            path = try_to_load_from_cache(model, file, cache_dir=cache, revision=revision)
        except HFValidationError:
            return None
        return Path(path) if isinstance(path, str) else None

    return find


def _take_stock(find: Find, unnamed: Sequence[str]) -> _Files:
    """Look for a configuration and for all files of weights that the index names; without one, for those given."""
    index = _read(find("model.safetensors.index.json")).get("weight_map")
    names = sorted(set(map(str, index.values()))) if isinstance(index, dict) else unnamed
    found = {name: path.stat().st_size for name in names if (path := find(name)) is not None}
    missing = [name for name in ("config.json", *names) if name not in found and find(name) is None]
    return _Files(sum(found.values()), tuple(missing), _normalises(find))


def _normalises(find: Find) -> bool:
    """Whether pictures are normalised by the rule of vLLM's ``fusion/mm_input_norm.py``, which knows no defaults."""
    for name in ("processor_config.json", "preprocessor_config.json"):
        settings = _read(find(name))
        inner = settings.get("image_processor")
        settings = inner if isinstance(inner, dict) else settings
        if settings.get("do_normalize", {"image_mean", "image_std"} <= settings.keys()):
            return True
    return False


def _read(path: Path | None) -> dict[str, Any]:
    """A checkpoint's JSON file; empty where it is missing or damaged, and so of no use to vLLM either."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        content = {}
    return content if isinstance(content, dict) else {}


def _first_line(error: Exception) -> str:
    return _hide_login((str(error).strip().splitlines() or [type(error).__name__])[0][:200])


def _hide_login(text: str) -> str:
    """A URL, or words around one, without a name and password that a mirror's address may hold."""
    return re.sub(r"//[^/@\s]*@", "//", text)
