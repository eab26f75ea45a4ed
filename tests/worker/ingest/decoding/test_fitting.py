"""Which pictures are enlarged to the size of the dataset, and that the report counts them."""

import pytest

from worker.ingest.decoding.fitting import is_enlarged
from worker.ingest.report import Report
from worker.ingest.request import ImageShape


@pytest.mark.parametrize(
    ("size", "fit", "enlarged"),
    [
        ((64, 64), "crop", False),
        ((63, 200), "crop", True),
        ((63, 200), "stretch", True),
        ((63, 200), "pad", False),  # made smaller until it fits, and padded
        ((63, 40), "pad", True),
        ((500, 300), "crop", False),
    ],
)
def test_a_picture_is_enlarged_where_a_side_would_grow(
    size: tuple[int, int], fit: str, enlarged: bool
) -> None:
    assert is_enlarged(*size, ImageShape(64, 64, fit, "auto")) == enlarged


def test_the_report_counts_enlarged_pictures_and_names_the_first() -> None:
    report = Report()
    for name in ("a.png", "b.png"):
        report.count("enlarged", name)
    (note,) = report.to_json()["notes"]
    assert note.startswith(
        "2 pictures were enlarged to the size of the dataset, which adds no detail"
    )
    assert "the first is a.png" in note
