"""What ``nvidia-smi`` says of this machine. Reads its output; judges nothing."""

from __future__ import annotations

import contextlib
import csv
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

ANSWER_SECONDS = 20.0
"""How long it may take. Without persistence mode each call first wakes the driver, a second or two for each GPU."""

_FIELDS = ("index", "uuid", "name", "memory.total", "memory.free", "driver_version", "compute_cap")

# The header of the plain output. Drivers from 610 call it the version of the "UMD", the user-mode driver.
_CUDA = re.compile(r"CUDA (?:UMD )?Version\s*:\s*(\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU as ``nvidia-smi`` lists it; what it cannot say is ``None``."""

    index: str
    uuid: str
    name: str
    total: int | None
    """Memory, in bytes."""
    free: int | None
    """Memory that nobody uses, in bytes."""
    driver: str
    capability: float | None
    """Compute capability, e.g. 9.0 for an H200."""


@dataclass(frozen=True, slots=True)
class NvidiaReport:
    """All that ``nvidia-smi`` says."""

    gpus: tuple[Gpu, ...] = ()
    cuda: str | None = None
    """Newest CUDA that the driver serves."""
    problem: str = ""
    """Why it says nothing: its own first line, or what became of it."""


def ask_nvidia(seconds: float = ANSWER_SECONDS) -> NvidiaReport | None:
    """List the GPUs of this machine, whoever may see them.

    Args:
        seconds: how long each of two calls may take.

    Returns:
        The report; ``None`` where there is no ``nvidia-smi``.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    code, output = _run([program, f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"], seconds)
    if code is None:
        return NvidiaReport(problem=f"did not answer within {seconds:g} s")
    if "No devices were found" in output:
        return NvidiaReport()
    if code != 0:
        return NvidiaReport(problem=f"exit code {code}: {_first_line(output)}")
    rows = [row for row in csv.reader(output.splitlines(), skipinitialspace=True) if row]
    if any(len(row) != len(_FIELDS) for row in rows):
        return NvidiaReport(problem=f"not understood: {_first_line(output)}")
    _, overview = _run([program], seconds)
    cuda = _CUDA.search(overview)
    return NvidiaReport(tuple(map(_read_row, rows)), cuda[1] if cuda else None)


def visible(gpus: Sequence[Gpu], mask: str | None) -> list[Gpu]:
    """The GPUs that CUDA shows to programs under a value of ``CUDA_VISIBLE_DEVICES``.

    As in CUDA's programming guide: indices or the beginnings of UUIDs, up to the first that names none. A slice of a
    GPU (``MIG-...``) counts as one, of unknown size.
    """
    if mask is None:
        return list(gpus)
    shown: list[Gpu] = []
    for token in map(str.strip, mask.split(",")):
        if token.startswith("MIG-"):
            shown.append(Gpu(token, token, "slice of a GPU", None, None, gpus[0].driver if gpus else "", None))
            continue
        found = next((gpu for gpu in gpus if token and (gpu.index == token or gpu.uuid.startswith(token))), None)
        if found is None:
            break
        shown.append(found)
    return shown


def _read_row(row: list[str]) -> Gpu:
    index, uuid, name, total, free, driver, capability = row
    return Gpu(index, uuid, name, _read_mib(total), _read_mib(free), driver, _read_number(capability))


def _read_mib(text: str) -> int | None:
    number = _read_number(text)
    return None if number is None else int(number * 2**20)


def _read_number(text: str) -> float | None:
    """A number, or ``None`` for any of the ways of having none: ``[N/A]``, ``[Not Supported]``, ``[Unknown Error]``."""
    try:
        return float(text)
    except ValueError:
        return None


def _run(command: list[str], seconds: float) -> tuple[int | None, str]:
    """Exit code (``None`` when it took too long) and output of a program; comes back in time whatever it does."""
    with tempfile.TemporaryFile() as output:
        try:
            # a session of its own, and no pipe: neither its children nor their open ends can hold this up
            process = subprocess.Popen(  # noqa: S603 - found on the user's own PATH
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            return -1, str(error)
        try:
            code: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # who waits for a broken driver may not even die
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(1)
        output.seek(0)
        return code, output.read().decode(errors="replace")


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no output")[:200]
