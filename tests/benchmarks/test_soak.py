"""A soak, short: that it goes through and ends by itself, not what it finds."""

import pytest

from benchmarks import soak
from benchmarks.harness.figures import Figure
from benchmarks.harness.pacing import Outcome
from benchmarks.harness.request import NUMBER, Request
from benchmarks.soak import Record


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


MIB = 2**20
HERALDED = b"http/1.1 503 service unavailable\r\nretry-after: 2\r\ncontent-length: 9"


def record(resident: list[int], *outcomes: tuple[float, float, int, bytes]) -> Record:
    """Of outcomes (due, latency, status, head), with the MiB at each second."""
    made = Record()
    made.resident = [MIB * one for one in resident]
    for number, outcome in enumerate(outcomes):
        made.note(Outcome(number, *outcome))
    return made


def verdicts(made: Record, recovery: float = 1.0) -> dict[str, Figure]:
    return {figure.name: figure for figure in made.verdicts(recovery)}


def test_answers_and_heralded_refusals_alone_are_as_wanted() -> None:
    made = record([500] * 180, (0.5, 0.1, 200, b""), (1.0, 0.1, 503, HERALDED))
    assert all(figure.met for figure in verdicts(made).values())


def test_a_load_that_nothing_was_refused_of_proves_nothing() -> None:
    made = record([500] * 180, (0.5, 0.1, 200, b""))
    assert verdicts(made)["refused with 503"].met is False


@pytest.mark.parametrize("status", [0, 500, 422])
def test_any_other_status_is_told_and_missed(status: int) -> None:
    made = record([500] * 180, (0.5, 0.1, status, b""), (1.0, 0.1, 503, HERALDED))
    others = verdicts(made)["neither 200 nor 503"]
    assert (others.met, others.note) == (False, f"{status or 'no answer'}: 1")


def test_a_refusal_has_to_say_when_to_come_again() -> None:
    made = record([500] * 180, (1.0, 0.1, 503, b"http/1.1 503 busy\r\ncontent-length: 0"))
    assert verdicts(made)["503 without Retry-After"].met is False


@pytest.mark.parametrize(
    ("last", "met"), [(500, True), (520, True), (480, True), (530, False), (470, False)]
)
def test_memory_is_flat_within_five_per_cent(last: int, met: bool) -> None:
    made = record([500] * 120 + [last] * 60, (0.5, 0.1, 503, HERALDED))
    assert verdicts(made)["memory's drift"].met is met


def test_the_first_full_minute_begins_with_the_first_refusal() -> None:
    filling = [300, 350, 400, 450]
    made = record(filling + [500] * 180, (3.95, 0.1, 503, HERALDED), (9.0, 0.1, 503, HERALDED))
    drift = verdicts(made)["memory's drift"]
    assert (drift.met, drift.value) == (True, 0)


def test_a_short_run_compares_its_thirds() -> None:
    made = record([100, 100, 100, 200, 300, 300, 300], (0, 0.1, 503, HERALDED))
    assert verdicts(made)["memory's drift"].value == pytest.approx(200)


@pytest.mark.parametrize(("recovery", "met"), [(1.9, True), (2.1, False), (60, False)])
def test_recovery_has_two_seconds(recovery: float, met: bool) -> None:
    made = record([500] * 180, (0.5, 0.1, 503, HERALDED))
    assert verdicts(made, recovery)["recovery"].met is met


def test_a_line_tells_of_the_seconds_in_which_answers_came() -> None:
    made = record(
        [500] * 4,
        (0.5, 0.2, 200, b""),
        (0.5, 1.0, 200, b""),  # came in the next second
        (1.0, 0.5, 503, HERALDED),
        (1.2, 0.1, 500, b""),
    )
    made.beats = [(0.0, 0.02), (1.0, 0.3), (2.0, 5.0)]
    line = made.line(2, 2)
    assert line.split()[:2] == ["2", "s"]
    for told in ("1 answered/s", "0 refused/s", "1 others", "1,000 ms", "300 ms", "500 MiB"):
        assert told in line
