import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "sides"), [("training", ("plain", "moggy")), ("numpy_article", ("numpy", "moggy"))]
)
def test_both_sides_and_their_ratio_are_printed(module: str, sides: tuple[str, str]) -> None:
    small = ["--width=8", "--batch-size=4", "--turns=1", "--seconds=0.01"]
    command = [sys.executable, "-m", f"benchmarks.{module}", *small]
    lines = subprocess.check_output(command, text=True).splitlines()
    rows = {line.split()[0]: line for line in lines if not line.startswith(" ")}
    rates = [float(rows[side].split()[1].replace(",", "")) for side in sides]
    ratio = float(rows["ratio"].split()[1])
    assert ratio == pytest.approx(rates[1] / rates[0], rel=0.1, abs=0.1)
    assert "cores" in rows["machine"]
