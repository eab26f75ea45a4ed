"""What the findings of a dataset's report are called, and the figures in their sentences."""

from typing import Literal

from pydantic import BaseModel

FindingKind = Literal["near_duplicates", "outliers", "letterboxed", "blurred", "blank", "levels"]
FindingAdvice = Literal[
    "drop_repeats",
    "repeats_dropped",
    "check_outliers",
    "crop_bars",
    "fit_crop",
    "leave_out_blurred",
    "halve_size",
    "leave_out_blank",
    "stretch_levels",
]
BalanceAdvice = Literal["small_classes", "add_or_leave_out"]
VarietyAdvice = Literal["other_kinds"]


class LevelRange(BaseModel):
    """The values of the pictures of one depth: the lowest, the highest, and white, if known."""

    images: int
    low: float
    high: float
    white: float | None


class ClassSize(BaseModel):
    """A class and the number of its pictures."""

    name: str
    images: int
