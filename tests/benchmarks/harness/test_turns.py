import io

import pytest

from benchmarks.harness.turns import Rates, Side, alternate, answer_turns, compare


def test_a_side_answers_each_line_with_a_number() -> None:
    steps: list[int] = []
    out = io.StringIO()
    answer_turns(
        "the side",
        lambda: steps.append(1),
        images=7,
        seconds=0.01,
        answers={"peak": lambda: 12.5},
        lines=["go\n", "peak\n"],
        out=out,
    )
    about, rate, peak = out.getvalue().splitlines()
    assert about == "the side"
    assert float(rate) > 0
    assert float(peak) == 12.5
    assert len(steps) > 5


def test_a_side_that_ends_early_ends_the_benchmark() -> None:
    prints_nothing = "keyword"
    with Side(prints_nothing) as side, pytest.raises(SystemExit, match="ended"):
        side.read_line()


def test_sides_alternate_and_the_median_counts() -> None:
    class FakeSide(Side):
        def __init__(self, name: str, order: list[str]) -> None:  # starts no process
            self.name, self.order = name, order

        def read_line(self) -> str:
            return f"side {self.name}"

        def request(self, word: str) -> float:
            self.order.append(f"{self.name} {word}")
            return float(len(self.order))

    order: list[str] = []
    rates = compare({"a": FakeSide("a", order), "b": FakeSide("b", order)}, turns=3)
    assert order == ["a go", "b go"] * 3
    assert (rates["a"].median, rates["b"].median) == (3, 4)
    assert rates["b"].about == "side b"
    assert "4 images/s  (2 to 6)" in rates["b"].row("b")


def test_measurements_in_one_process_alternate() -> None:
    numbers = iter(range(6))
    assert alternate([lambda: float(next(numbers)), lambda: float(next(numbers))], 3) == [2, 3]


def test_a_rate_row_names_its_side() -> None:
    assert Rates("float32", [1000.0]).row("plain").startswith("plain")
