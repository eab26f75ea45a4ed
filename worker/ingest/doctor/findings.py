"""What the doctor says: counts, examples, a sentence, an advice."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """One picture. `index` is its place in images.npy, None where it was left out of it.

    `value` is what it was judged by. `like` is the picture that it repeats, with no value.
    """

    index: int | None
    file: str
    value: float | None
    like: "Example | None" = None


@dataclass(frozen=True)
class Finding:
    """One kind of fault. `share` is of all pictures that were looked at for it, `limit` is the
    value that divides the found from the others."""

    kind: str
    count: int
    share: float
    limit: float | None
    says: str
    suggests: str | None
    examples: list[Example] = field(default_factory=list)

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
NONE = {
    "near_duplicates": "No picture repeats another.",
    "outliers": "No picture is unlike all the others.",
    "letterboxed": "No picture has bars along its edges.",
    "blurred": "No picture is blurred.",
    "blank": "No picture is blank.",
    "levels": "No picture is dark for the values that its file can hold.",
}
SUGGESTS = {
    "near_duplicates": "A model sees repeated pictures more often and memorizes them first: "
    "upload with near_duplicates=drop to leave the repeats out.",
    "outliers": "Look at them, and leave out the pictures that do not belong here, or add more of "
    "their kind: a small model learns a few odd pictures badly, and the others worse for it.",
    "letterboxed": "The model would learn the bars too: crop them off before the upload.",
    "blurred": "The model would learn the blur too: leave them out, or choose a size at which "
    "they are sharp.",
    "blank": "There is nothing to learn from them: leave them out.",
    "levels": "They come out dark or black: upload with levels=auto to spread the values from "
    "black to white.",
}
PADDED = "The model would learn the bars too: upload with fit=crop, or crop them off before."
DROPPED = "They were left out of the dataset."
ALL_BLURRED = 0.5  # share
MONOTONOUS = 0.05  # effective pictures for each one
SMALLER = "Most pictures have less detail than pixels: upload them with half the size."


def sentence(kind: str, count: int, share: float) -> str:
    """What was found, in words."""
    if count == 0:
        return NONE[kind]
    pictures = f"{count:,} pictures ({percent(share)}) show" if count > 1 else "1 picture shows"
    return SAYS[kind].format(pictures=pictures)


def advice(kind: str, count: int, share: float, *, dropped: bool, padded: bool) -> str | None:
    """What to do about it; None where there is nothing to do."""
    if count == 0:
        return None
    if kind == "near_duplicates" and dropped:
        return DROPPED
    if kind == "letterboxed" and padded:
        return PADDED
    if kind == "blurred" and share > ALL_BLURRED:
        return SMALLER
    return SUGGESTS[kind]


def percent(share: float) -> str:
    """`12 %`, `3.4 %`, `under 0.1 %`."""
    if share < 0.001:
        return "under 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def effective_images(number: float, sample: int) -> dict[str, Any]:
    """The effective number of images, in words."""
    share = number / sample
    whole = round(number)
    counted = "1 picture" if whole == 1 else f"{whole:,} pictures"
    suggests = None
    if share < MONOTONOUS:
        suggests = (
            "The pictures are much alike: add other kinds of pictures rather than more of these."
        )
    return {
        "value": round(number, 1),
        "sample": sample,
        "share": round(share, 4),
        "says": f"A random sample of {sample:,} pictures is as varied as "
        f"{counted} with nothing in common.",
        "suggests": suggests,
    }
