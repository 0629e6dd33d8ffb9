"""A simulated build comes to its end, and its figures are shares of one whole."""

from __future__ import annotations

import re

import pytest

from benchmarks.cluster_simulation import main


@pytest.mark.parametrize("faults", ["none", "preemptions"])
def test_a_simulated_build_ends_and_its_shares_add_up(faults: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--scale", "tiny", "--faults", faults])
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("| 4 |"))
    asking, loading, full_speed, repeated = (float(share) for share in re.findall(r"([0-9.]+)%", line))
    assert 0 < full_speed <= asking <= 100
    assert loading > 0
    assert asking + loading <= 100
    assert repeated >= 0
