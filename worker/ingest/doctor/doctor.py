"""Examines a packed dataset: looks once at every picture, then compares them with each other."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import NARROW_SHARE
from worker.ingest.doctor.embedding_pass import look
from worker.ingest.doctor.findings import Example, Finding, advice, effective_images, sentence
from worker.ingest.doctor.measures import Measures
from worker.ingest.doctor.near_duplicates import NEAR, find_near_duplicates
from worker.ingest.doctor.outliers import loneliness, outlier_limit
from worker.ingest.doctor.pairs import Features, Places
from worker.ingest.doctor.sheet import Shown, write_sheet
from worker.ingest.doctor.variety import effective_number
from worker.ingest.images_file import Shape

BLANK = 5.0  # levels of standard deviation: of real cats and CIFAR none is below
BLURRED = (0.56, 0.59)  # sharpness: surely, and where the others are far sharper
SOFTER = 0.8  # of the others' median
EXAMPLES = 12

Mask = NDArray[np.bool_]
Values = NDArray[np.float32]
# Called often with a phase and how many pictures it has done; may raise Stopped.
Tick = Callable[[str, int], None]
# The names of the files that the pictures at these places came from.
NamesOf = Callable[[set[int]], dict[int, str]]


@dataclass(frozen=True)
class Dark:
    """Pictures whose files can hold far more values than the whole dataset uses: they come out dark
    or black. Each uses a share of the values from black to white."""

    pictures: Mask  # (N,)
    shares: Values  # (N,)
    says: str


@dataclass(frozen=True)
class Options:
    """How the dataset was asked for. `dark` is None where all values are used, or stretched."""

    drop_near_duplicates: bool
    mirrorable: bool
    padded: bool
    dark: Dark | None = None


@dataclass(frozen=True)
class Diagnosis:
    """`kept` (N,) is False for the near-duplicates that are to be left out."""

    embedding: str
    kept: Mask
    findings: list[Finding]
    effective: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "embedding": self.embedding,
            "findings": [finding.to_json() for finding in self.findings],
            "effective_images": self.effective,
        }


@dataclass(frozen=True)
class Judged:
    """One kind of fault: where it was found, the worst first, and by which of all values."""

    kind: str
    places: Places
    values: Values
    limit: float
    among: int  # pictures that were looked at for it
    originals: Places | None = None  # of each picture, where one may repeat another
    says: str | None = None  # in place of the usual sentence

    def groups(self) -> list[tuple[int, ...]]:
        """The first places, each with that of its original."""
        first = self.places[:EXAMPLES].tolist()
        if self.originals is None:
            return [(place,) for place in first]
        return [(place, int(self.originals[place])) for place in first]


def examine(
    folder: Path, shape: Shape, options: Options, names_of: NamesOf, tick: Tick
) -> Diagnosis:
    """Of the images.npy in `folder`, before anything is left out of it; writes features.npy and
    doctor.png beside it. The examples' places are those after that."""
    embedding, measures = look(folder, shape, lambda done: tick("embedding", done))
    features = np.load(folder / "features.npy", mmap_mode="r")
    kept, judged = judge(features, measures, options, lambda done: tick("comparing", done))
    effective = effective_images(*effective_number(features, np.flatnonzero(kept)))
    examples = {place for one in judged for group in one.groups() for place in group}
    teller = _Teller(options, kept, names_of(examples))
    shown = [Shown(teller.finding(one), one.groups()) for one in judged]
    images = np.load(folder / "images.npy", mmap_mode="r")
    write_sheet(images, f"{shape[0]:,} pictures examined", shown, folder / "doctor.png")
    (folder / "thumbnails.npy").unlink()
    tick("comparing", shape[0])
    return Diagnosis(embedding, kept, [one.finding for one in shown], effective)


def judge(
    features: Features, measures: Measures, options: Options, tick: Callable[[int], None]
) -> tuple[Mask, list[Judged]]:
    """Which of (N, F) pictures are kept, (N,), and every kind of fault among them."""
    count = len(features)
    lonely = loneliness(features, lambda: tick(0))
    near = find_near_duplicates(features, measures.thumbnails, options.mirrorable, tick)
    found = np.flatnonzero(near.repeats)
    worst = found[near.distances[found].argsort(kind="stable")]
    repeats = Judged("near_duplicates", worst, near.distances, NEAR, count, near.originals)
    kept = ~near.repeats if options.drop_near_duplicates else np.ones(count, bool)
    told = kept & (measures.variation >= BLANK)  # what is blank is that alone
    dark = options.dark or Dark(np.zeros(count, bool), np.ones(count, np.float32), "")
    far = outlier_limit(lonely[told])
    soft = _blur_limit(measures.sharpness[told])
    return kept, [
        repeats,
        _above("outliers", told, lonely, far),
        _above("letterboxed", told, measures.bars, 0.0),
        _below("blurred", told, measures.sharpness, soft),
        _below("blank", kept & ~dark.pictures, measures.variation, BLANK),
        _dark(dark, kept),
    ]


def _above(kind: str, told: Mask, values: Values, limit: float) -> Judged:
    found = np.flatnonzero(told & (values > limit))
    worst = found[(-values[found]).argsort(kind="stable")]
    return Judged(kind, worst, values, limit, int(told.sum()))


def _below(kind: str, told: Mask, values: Values, limit: float) -> Judged:
    found = np.flatnonzero(told & (values < limit))
    worst = found[values[found].argsort(kind="stable")]
    return Judged(kind, worst, values, limit, int(told.sum()))


def _dark(dark: Dark, kept: Mask) -> Judged:
    found = np.flatnonzero(kept & dark.pictures)
    worst = found[dark.shares[found].argsort(kind="stable")]
    says = dark.says or None
    return Judged("levels", worst, dark.shares, NARROW_SHARE, int(kept.sum()), says=says)


def _blur_limit(sharpness: Values) -> float:
    if not len(sharpness):
        return BLURRED[0]
    return float(np.clip(SOFTER * np.median(sharpness), *BLURRED))


class _Teller:
    """Puts what was judged into words."""

    def __init__(self, options: Options, kept: Mask, names: dict[int, str]) -> None:
        self._options = options
        self._kept = kept
        self._names = names
        self._places = np.cumsum(kept) - 1  # after the others are left out

    def finding(self, judged: Judged) -> Finding:
        kind, count = judged.kind, len(judged.places)
        share = count / max(1, judged.among)
        dropped, padded = self._options.drop_near_duplicates, self._options.padded
        return Finding(
            kind,
            count,
            round(share, 6),
            round(judged.limit, 4) if np.isfinite(judged.limit) else None,
            judged.says if judged.says and count else sentence(kind, count, share),
            advice(kind, count, share, dropped=dropped, padded=padded),
            [self._example(group, float(judged.values[group[0]])) for group in judged.groups()],
        )

    def _example(self, group: tuple[int, ...], value: float) -> Example:
        place, *others = group
        like = self._reference(others[0]) if others else None
        return replace(self._reference(place), value=round(value, 4), like=like)

    def _reference(self, place: int) -> Example:
        index = int(self._places[place]) if self._kept[place] else None
        return Example(index, self._names[place], None)
