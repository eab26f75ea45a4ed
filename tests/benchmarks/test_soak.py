"""A soak, short: that it goes through and ends by itself, not what it finds."""

import pytest

from benchmarks import soak
from benchmarks.request import NUMBER, Request


def test_grids_and_singles_bring_as_many_images_each() -> None:
    ask = soak.mixed(Request(f"/single/{NUMBER}"), Request("/grid", f"[{NUMBER}]"))
    lines = [ask(number).partition(b" HTTP")[0] for number in range(130)]
    assert lines.count(b"POST /grid") == 2
    assert lines[1] == b"GET /single/1"
    images = sum(soak.GRID_IMAGES if line == b"POST /grid" else 1 for line in lines)
    assert images == 130 * soak.IMAGES_PER_REQUEST == 256


def test_more_connections_than_the_system_allows_are_refused() -> None:
    with pytest.raises(SystemExit, match="--connections 10000000000"):
        soak.allow_connections(10**10)


@pytest.mark.slow
def test_a_short_soak_ends_by_itself_with_its_verdicts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "CAPACITY_SECONDS", 1)
    monkeypatch.setattr(soak, "SECONDS_PER_LINE", 1)
    status = soak.main(["--minutes", "0.05", "--connections", "64"])
    output = capsys.readouterr().out
    assert status in (0, 1)
    for told in ("capacity", "alone", "   3 s", "client", "memory's drift", "recovery"):
        assert told in output
    assert status == int("MISSED" in output)
    (others,) = [line for line in output.splitlines() if line.startswith("neither 200")]
    assert "met" in others
