import pytest

from benchmarks.harness.figures import Figure


@pytest.mark.parametrize(
    ("value", "wanted", "at_most", "met"),
    [
        (5.0, 4.0, False, True),
        (3.9, 4.0, False, False),
        (24.0, 25.0, True, True),
        (26.0, 25.0, True, False),
        (0.0, 0.0, True, True),
        (1.0, 0.0, True, False),
        (7.0, None, False, None),
    ],
)
def test_a_target_is_met_or_missed(
    value: float, wanted: float | None, at_most: bool, met: bool | None
) -> None:
    assert Figure("x", value, "ms", wanted, at_most).met is met


def test_a_row_has_value_target_ratio_and_verdict() -> None:
    row = Figure("grid of 64", 30, "ms", 60, at_most=True, note="alone").row()
    assert " ".join(row.split()) == "grid of 64 30.0 ms ≤ 60.0 50% of it met alone"
    assert "MISSED" in Figure("grid of 64", 61, "ms", 60, at_most=True).row()
    assert "met" not in Figure("rate", 1234, "/s").row()
    assert "1,234" in Figure("rate", 1234, "/s").row()


def test_a_count_and_a_target_of_zero_have_no_ratio() -> None:
    assert "%" not in Figure("refused", 3000, "", 1).row()
    assert "%" not in Figure("late", 3, "ms", 0, at_most=True).row()
    assert "%" not in Figure("errors", 3, "", 0, at_most=True).row()
