"""Is this machine ready for a build? Looks at what of it would stop one, before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.doctor.build import examine_build
from pipeline.doctor.cases import list_cases
from pipeline.doctor.disk import examine_run_directory
from pipeline.doctor.finding import Finding, Level
from pipeline.doctor.gpus import examine_gpus
from pipeline.doctor.machine import examine_machine
from pipeline.doctor.models import bytes_to_come, examine_models
from pipeline.doctor.packages import examine_packages
from pipeline.doctor.servers import examine_servers
from pipeline.doctor.trial import try_engines
from pipeline.progress import Progress, Silent
from schemas.config import BuildConfig

__all__ = ["Finding", "Level", "examine"]


def examine(
    config: BuildConfig | None = None,
    run_dir: Path | None = None,
    *,
    engine: bool = False,
    progress: Progress | None = None,
) -> Iterator[Finding]:
    """Examine machine, installation, weights, servers and disks, and say each finding as soon as it is known.

    Changes nothing but for a temporary file in the run directory, or where that is to be. The trial of a teacher with
    code of its own leaves a copy of that code in transformers' cache, the same one each time.

    Args:
        config: the build that is meant, with its own teachers and engines; all known teachers on vLLM when left out.
        run_dir: where the build is to run.
        engine: also start vLLM, on small checkpoints that are made on the spot; takes half a minute a teacher, or
            longer where kernels for a GPU are compiled.
        progress: where to tell how the trials go.

    Raises:
        ConfigError: the configuration names an unknown teacher.
    """
    cases = list_cases(config)
    yield from examine_machine(cases)
    yield from examine_gpus(cases)
    yield from examine_packages(cases)
    yield from examine_models(cases)
    yield from examine_servers(cases)
    if config is not None:
        yield from examine_build(config, cases)
    yield from examine_run_directory(config, run_dir, bytes_to_come(cases, run_dir) if run_dir else 0)
    if engine:
        yield from try_engines(cases, progress or Silent())
