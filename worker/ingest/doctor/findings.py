"""The findings of the report, each with a count, a sentence, an advice and examples."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """One image. `index` is its position in images.npy, None if it was left out of the dataset.

    `value` is the measure of its fault. `like` is the image that a near-duplicate repeats; it has
    no value.
    """

    index: int | None
    file: str
    value: float | None
    like: "Example | None" = None


@dataclass(frozen=True)
class DoctorFinding:
    """One kind of fault. `share` is of the images that were examined for it; `limit` is the value
    that separates faulty images from the others.

    `advice` is the key of `suggests` in SUGGESTS. `ranges` are the values of dark images, by the
    depth of their files; None for other kinds. A client can say the same in another language.
    """

    kind: str
    count: int
    share: float
    limit: float | None
    says: str
    suggests: str | None
    examples: list[Example] = field(default_factory=list)
    advice: str | None = None
    ranges: list[dict[str, Any]] | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


SAYS = {
    "near_duplicates": "{pictures} almost the same as an earlier picture: cropped, compressed "
    "again, mirrored or made brighter.",
    "outliers": "{pictures} something unlike everything else here.",
    "letterboxed": "{pictures} bars of one colour along two opposite edges.",
    "blurred": "{pictures} no fine detail: out of focus, or enlarged from something smaller.",
    "blank": "{pictures} hardly anything but one colour.",
    "levels": "{pictures} few of the values that their files can hold.",
}
SAYS_NONE = {
    "near_duplicates": "No picture repeats another.",
    "outliers": "No picture is unlike all the others.",
    "letterboxed": "No picture has bars along its edges.",
    "blurred": "No picture is blurred.",
    "blank": "No picture is blank.",
    "levels": "No picture uses only few of the values that its file can hold.",
}
# The advices by their kinds.
SUGGESTS = {
    "drop_repeats": "A model sees repeated pictures more often and memorises them first: "
    "upload with near_duplicates=drop (--near-duplicates drop) to leave the repeats out.",
    "repeats_dropped": "They were left out of the dataset.",
    "check_outliers": "Look at them, and leave out the pictures that do not belong here, or add "
    "more of their kind: a small model learns a few odd pictures badly, and the others worse for "
    "it.",
    "crop_bars": "The model would learn the bars too: crop them off before the upload.",
    "fit_crop": "The model would learn the bars too: upload with fit=crop, or crop them off "
    "before.",
    "leave_out_blurred": "The model would learn the blur too: leave them out, or choose a size at "
    "which they are sharp.",
    "halve_size": "Most pictures have less detail than pixels: upload them with half the size.",
    "leave_out_blank": "There is nothing to learn from them: leave them out.",
    "stretch_levels": "They come out dark or black: upload with levels=auto to spread the values "
    "from black to white.",
}
USUAL_ADVICE = {
    "near_duplicates": "drop_repeats",
    "outliers": "check_outliers",
    "letterboxed": "crop_bars",
    "blurred": "leave_out_blurred",
    "blank": "leave_out_blank",
    "levels": "stretch_levels",
}
MOSTLY = 0.5  # share


def sentence(kind: str, count: int, share: float) -> str:
    """`says` of a finding."""
    if count == 0:
        return SAYS_NONE[kind]
    pictures = f"{count:,} pictures ({percent(share)}) show" if count > 1 else "1 picture shows"
    return SAYS[kind].format(pictures=pictures)


def advice(kind: str, count: int, share: float, *, dropped: bool, padded: bool) -> str | None:
    """The kind of the advice, a key of SUGGESTS; None where there is nothing to do."""
    if count == 0:
        return None
    if kind == "near_duplicates" and dropped:
        return "repeats_dropped"
    if kind == "letterboxed" and padded:
        return "fit_crop"
    if kind == "blurred" and share > MOSTLY:
        return "halve_size"
    return USUAL_ADVICE[kind]


def percent(share: float) -> str:
    """`12 %`, `3.4 %`, `under 0.1 %`."""
    if share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
