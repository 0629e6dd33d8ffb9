"""A program that answers as NVIDIA's ``nvidia-smi`` does, on a machine of one's choice."""

from __future__ import annotations

from pathlib import Path

MIB = 2**20
H200_MIB = 143_771

CANNOT_COMMUNICATE = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
    "Make sure that the latest NVIDIA driver is installed and running."
)

HEADER = """\
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 580.95.05              Driver Version: 580.95.05      CUDA Version: 13.0     |
+-----------------------------------------+------------------------+----------------------+
"""

HEADER_FROM_610 = """\
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 610.43.03          KMD Version: 610.43.03         CUDA UMD Version: 13.3     |
+-----------------------------------------+------------------------+----------------------+
"""


def gpu(
    index: int, *, name: str = "NVIDIA H200", total: object = H200_MIB, free: object = 143_152, cap: str = "9.0"
) -> str:
    """One line of ``--query-gpu=index,uuid,name,memory.total,memory.free,driver_version,compute_cap``."""
    return f"{index}, GPU-{index:08x}-5a1c-4f1e-9b0d-0c5e7d3f2a11, {name}, {total}, {free}, 580.95.05, {cap}"


def install(folder: Path, lines: list[str], *, header: str = HEADER, code: int = 0, before: str = "") -> Path:
    """Write the program into a folder.

    Args:
        folder: made if missing; to be put on PATH.
        lines: what it answers when it is asked for GPUs.
        header: what it answers when it is asked for nothing in particular.
        code: how it exits.
        before: shell commands that it runs first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "nvidia-smi"
    rows = "\n".join(lines)
    program.write_text(
        f"""#!/bin/sh
{before}
case "$*" in
*--query-gpu=index,uuid,name,memory.total,memory.free,driver_version,compute_cap*--format=csv,noheader,nounits*)
cat <<'ROWS'
{rows}
ROWS
;;
"") cat <<'HEADER'
{header}HEADER
;;
*) echo "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help."; exit 2;;
esac
exit {code}
"""
    )
    program.chmod(0o755)
    return folder
