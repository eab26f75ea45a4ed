"""The synthesis benchmark on a few images."""

import pytest

from benchmarks import synthesize


def test_a_layout_is_written_and_its_rate_printed_beside_the_limit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesize, "JOB_IMAGES", 64)
    monkeypatch.setattr(synthesize, "IN_PROCESS_SECONDS", 0.2)
    monkeypatch.setattr(synthesize, "LAYOUTS", ("webdataset",))
    synthesize.main()
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("webdataset")]
    assert "of in-process" in line
    assert "by processor time" in line
    assert lines[-1].startswith("the start of its process takes")
