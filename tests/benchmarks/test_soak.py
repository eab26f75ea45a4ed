"""A short soak runs and ends by itself; its measured values are not checked."""

import pytest

from benchmarks import soak
from benchmarks.harness.figures import Figure
from benchmarks.harness.pacing import Outcome
from benchmarks.harness.request import GRID_IMAGES, NUMBER, Request
from benchmarks.soak import Record


def test_grids_and_singles_bring_as_many_images_each() -> None:
    ask = soak.grids_and_singles(Request(f"/single/{NUMBER}"), Request("/grid", f"[{NUMBER}]"))
    lines = [ask(number).partition(b" HTTP")[0] for number in range(130)]
    assert lines.count(b"POST /grid") == 2
    assert lines[1] == b"GET /single/1"
    images = sum([GRID_IMAGES if line == b"POST /grid" else 1 for line in lines])
    assert images == 130 * soak.IMAGES_PER_REQUEST == 256


def test_more_connections_than_the_system_allows_are_refused() -> None:
    with pytest.raises(SystemExit, match="--connections 10000000000"):
        soak.allow_open_files(10**10)


@pytest.mark.slow
def test_a_short_soak_ends_by_itself_with_its_verdicts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(soak, "CAPACITY_SECONDS", 1)
    monkeypatch.setattr(soak, "SECONDS_PER_LINE", 1)
    status = soak.main(["--minutes", "0.05", "--connections", "64"])
    output = capsys.readouterr().out
    assert status in (0, 1)
    for text in ("capacity", "alone", "   3 s", "client", "memory's drift", "recovery"):
        assert text in output
    assert status == int("MISSED" in output)
    (others,) = [line for line in output.splitlines() if line.startswith("neither 200")]
    assert "met" in others


MIB = 2**20
REFUSAL = b"http/1.1 503 service unavailable\r\nretry-after: 2\r\ncontent-length: 9"


def record(resident: list[int], *outcomes: tuple[float, float, int, bytes]) -> Record:
    """A record of outcomes (due, latency, status, head), with the MiB at each second."""
    made = Record()
    made.resident = [MIB * mebibytes for mebibytes in resident]
    for number, outcome in enumerate(outcomes):
        made.add(Outcome(number, *outcome))
    return made


def verdicts(made: Record, recovery: float = 1.0) -> dict[str, Figure]:
    return {figure.name: figure for figure in made.verdicts(recovery)}


def test_answers_and_refusals_with_retry_after_meet_the_targets() -> None:
    made = record([500] * 180, (0.5, 0.1, 200, b""), (1.0, 0.1, 503, REFUSAL))
    assert all(figure.met for figure in verdicts(made).values())


def test_a_load_without_refusals_misses_the_target() -> None:
    made = record([500] * 180, (0.5, 0.1, 200, b""))
    assert verdicts(made)["refused with 503"].met is False


@pytest.mark.parametrize("status", [0, 500, 422])
def test_any_other_status_misses_and_is_noted(status: int) -> None:
    made = record([500] * 180, (0.5, 0.1, status, b""), (1.0, 0.1, 503, REFUSAL))
    others = verdicts(made)["neither 200 nor 503"]
    assert (others.met, others.note) == (False, f"{status or 'no answer'}: 1")


def test_a_refusal_needs_a_retry_after_header() -> None:
    made = record([500] * 180, (1.0, 0.1, 503, b"http/1.1 503 busy\r\ncontent-length: 0"))
    assert verdicts(made)["503 without Retry-After"].met is False


@pytest.mark.parametrize(
    ("last", "met"), [(500, True), (520, True), (480, True), (530, False), (470, False)]
)
def test_memory_is_flat_within_five_per_cent(last: int, met: bool) -> None:
    made = record([500] * 120 + [last] * 60, (0.5, 0.1, 503, REFUSAL))
    assert verdicts(made)["memory's drift"].met is met


def test_the_first_full_minute_begins_with_the_first_refusal() -> None:
    filling = [300, 350, 400, 450]
    made = record(filling + [500] * 180, (3.95, 0.1, 503, REFUSAL), (9.0, 0.1, 503, REFUSAL))
    drift = verdicts(made)["memory's drift"]
    assert (drift.met, drift.value) == (True, 0)


def test_a_short_run_compares_its_outer_thirds() -> None:
    made = record([100, 100, 100, 200, 300, 300, 300], (0, 0.1, 503, REFUSAL))
    assert verdicts(made)["memory's drift"].value == pytest.approx(200)


@pytest.mark.parametrize(("recovery", "met"), [(1.9, True), (2.1, False), (60, False)])
def test_recovery_may_take_two_seconds(recovery: float, met: bool) -> None:
    made = record([500] * 180, (0.5, 0.1, 503, REFUSAL))
    assert verdicts(made, recovery)["recovery"].met is met


def test_a_line_covers_the_seconds_in_which_answers_arrived() -> None:
    made = record(
        [500] * 4,
        (0.5, 0.2, 200, b""),
        (0.5, 1.0, 200, b""),  # answered in the next second
        (1.0, 0.5, 503, REFUSAL),
        (1.2, 0.1, 500, b""),
    )
    made.health_checks = [(0.0, 0.02), (1.0, 0.3), (2.0, 5.0)]
    line = made.line(2, 2)
    assert line.split()[:2] == ["2", "s"]
    for text in ("1 answered/s", "0 refused/s", "1 others", "1,000 ms", "300 ms", "500 MiB"):
        assert text in line
