import subprocess
import sys


def test_the_search_is_measured_beside_its_lower_bound() -> None:
    command = [sys.executable, "-m", "benchmarks.index", "--pictures=3000", "--rounds=2"]
    output = subprocess.check_output(command, text=True)
    for row in ("read the bytes once (the limit)", "one picture", "float32 copy", "write_index"):
        assert row in output
    assert "one picture in under 5 ms at 100,000" in output
