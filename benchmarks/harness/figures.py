"""Measured values with their targets, one line each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured value; `wanted` is its target, None if it has none.

    The target is a minimum, or with `at_most` a maximum. A figure without a unit is a count.
    """

    name: str
    value: float
    unit: str
    wanted: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.wanted is None:
            return None
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted

    def row(self) -> str:
        """One line: value, target, their ratio (not for a count), verdict and note."""
        name, value = f"{self.name:32}", f"{format_number(self.value):>8} {self.unit:12}"
        if self.wanted is None:
            return f"{name} {value} {'':32} {self.note}".rstrip()
        sign, verdict = "≤" if self.at_most else "≥", "met" if self.met else "MISSED"
        target = f"{sign} {format_number(self.wanted)}"
        ratio = f"{self.value / self.wanted:6.0%} of it" if self.wanted and self.unit else ""
        return f"{name} {value} {target:>8} {ratio:12}  {verdict:7} {self.note}".rstrip()


TITLE = f"{'':32} {'measured':>8} {'':12} {'wanted':>8}"


def format_number(value: float) -> str:
    """Format with at least three significant digits."""
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
