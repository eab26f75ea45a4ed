"""The benchmark of batch sizes, for a second."""

import pytest

from benchmarks import batches
from benchmarks.harness import service


@pytest.mark.slow
def test_a_batch_size_is_served_by_an_api_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service, "WARM_UP_SECONDS", 1)
    batches.main(["--batches", "4", "--turns", "1", "--seconds", "1"])
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert (row[0], row[2]) == ("4", "100%")
