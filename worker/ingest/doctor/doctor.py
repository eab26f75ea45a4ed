"""Examines a packed dataset: measures every image, then compares the images with each other."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.ingest.decoding.levels import NARROW_SHARE
from worker.ingest.doctor.close_pairs import Features, Indices
from worker.ingest.doctor.embedding_pass import embed_and_measure
from worker.ingest.doctor.findings import SUGGESTS, DoctorFinding, Example, advice, sentence
from worker.ingest.doctor.measures import Measures
from worker.ingest.doctor.near_duplicates import MAX_DISTANCE, find_near_duplicates
from worker.ingest.doctor.outliers import neighbour_distances, outlier_limit
from worker.ingest.doctor.sheet import SheetRow, write_sheet
from worker.ingest.doctor.variety import effective_images, effective_number
from worker.ingest.images_file import Shape

BLANK = 5.0  # levels of standard deviation; photos of cats and all of CIFAR-10 have more
BLUR_LIMITS = (0.56, 0.59)  # the range of the sharpness below which an image is blurred
BLUR_SHARE = 0.8  # of the median sharpness: this limit, clipped to BLUR_LIMITS
MAX_EXAMPLES = 12

Mask = NDArray[np.bool_]
Values = NDArray[np.float32]
# Called often with a phase and the number of images done in it; may raise Stopped.
Tick = Callable[[str, int], None]
# The names of the files from which the images with these indices came.
NamesOf = Callable[[set[int]], dict[int, str]]


@dataclass(frozen=True)
class DarkImages:
    """Images that come out dark: the dataset uses few of the values that their files can hold."""

    mask: Mask  # (N,)
    shares: Values  # (N,) of the values from black to white that each image uses
    says: str
    ranges: list[dict[str, Any]] = field(default_factory=list)  # of values, as `says` names them


@dataclass(frozen=True)
class Options:
    """Options of the upload. `dark` is None where all values are used, or stretched."""

    drop_near_duplicates: bool
    mirrorable: bool
    padded: bool
    dark: DarkImages | None = None


@dataclass(frozen=True)
class Diagnosis:
    """The result. `kept` (N,) is False for near-duplicates that are to be left out."""

    embedding: str
    kept: Mask
    findings: list[DoctorFinding]
    effective: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "embedding": self.embedding,
            "findings": [finding.to_json() for finding in self.findings],
            "effective_images": self.effective,
        }


@dataclass(frozen=True)
class Fault:
    """One kind of fault: its measure, and the images that have the fault, the worst first."""

    kind: str
    indices: Indices
    values: Values  # (N,) the measure of every image
    limit: float
    examined: int  # images
    originals: Indices | None = None  # (N,) of near-duplicates: the image that each repeats
    says: str | None = None  # replaces the usual sentence
    ranges: list[dict[str, Any]] | None = None  # of values, that `says` names

    def groups(self) -> list[tuple[int, ...]]:
        """The first indices, each with that of its original if there is one."""
        first = self.indices[:MAX_EXAMPLES].tolist()
        if self.originals is None:
            return [(index,) for index in first]
        return [(index, int(self.originals[index])) for index in first]


def examine(
    folder: Path, shape: Shape, options: Options, names_of: NamesOf, tick: Tick
) -> Diagnosis:
    """Examine the images.npy in `folder`; write features.npy and doctor.png beside it.

    images.npy does not change here, but the indices of the examples are those after the
    near-duplicates have been left out.
    """
    embedding, measures = embed_and_measure(folder, shape, lambda done: tick("embedding", done))
    features = np.load(folder / "features.npy", mmap_mode="r")
    kept, faults = find_faults(features, measures, options, lambda done: tick("comparing", done))
    effective = effective_images(*effective_number(features, np.flatnonzero(kept)))
    examples = {index for fault in faults for group in fault.groups() for index in group}
    writer = _FindingWriter(options, kept, names_of(examples))
    rows = [SheetRow(writer.finding(fault), fault.groups()) for fault in faults]
    images = np.load(folder / "images.npy", mmap_mode="r")
    write_sheet(images, f"{shape[0]:,} pictures examined", rows, folder / "doctor.png")
    (folder / "thumbnails.npy").unlink()
    tick("comparing", shape[0])
    return Diagnosis(embedding, kept, [row.finding for row in rows], effective)


def find_faults(
    features: Features, measures: Measures, options: Options, tick: Callable[[int], None]
) -> tuple[Mask, list[Fault]]:
    """(N,) which images are kept, and every kind of fault; `features` is (N, F)."""
    count = len(features)
    distances = neighbour_distances(features, lambda: tick(0))
    near_duplicates = find_near_duplicates(features, measures.thumbnails, options.mirrorable, tick)
    repeats = np.flatnonzero(near_duplicates.repeats)
    nearest_first = repeats[near_duplicates.distances[repeats].argsort(kind="stable")]
    kept = ~near_duplicates.repeats if options.drop_near_duplicates else np.ones(count, bool)
    examined = kept & (measures.variation >= BLANK)  # a blank image has no other fault
    dark = options.dark or DarkImages(np.zeros(count, bool), np.ones(count, np.float32), "")
    max_distance = outlier_limit(distances[examined])
    min_sharpness = _blur_limit(measures.sharpness[examined])
    return kept, [
        Fault(
            "near_duplicates",
            nearest_first,
            near_duplicates.distances,
            MAX_DISTANCE,
            count,
            near_duplicates.originals,
        ),
        _above("outliers", examined, distances, max_distance),
        _above("letterboxed", examined, measures.bars, 0.0),
        _below("blurred", examined, measures.sharpness, min_sharpness),
        _below("blank", kept & ~dark.mask, measures.variation, BLANK),
        _dark(dark, kept),
    ]


def _above(kind: str, examined: Mask, values: Values, limit: float) -> Fault:
    faulty = np.flatnonzero(examined & (values > limit))
    worst = faulty[(-values[faulty]).argsort(kind="stable")]
    return Fault(kind, worst, values, limit, int(examined.sum()))


def _below(kind: str, examined: Mask, values: Values, limit: float) -> Fault:
    faulty = np.flatnonzero(examined & (values < limit))
    worst = faulty[values[faulty].argsort(kind="stable")]
    return Fault(kind, worst, values, limit, int(examined.sum()))


def _dark(dark: DarkImages, kept: Mask) -> Fault:
    faulty = np.flatnonzero(kept & dark.mask)
    worst = faulty[dark.shares[faulty].argsort(kind="stable")]
    says = dark.says or None
    ranges = dark.ranges if len(worst) else None
    return Fault(
        "levels", worst, dark.shares, NARROW_SHARE, int(kept.sum()), says=says, ranges=ranges
    )


def _blur_limit(sharpness: Values) -> float:
    if not len(sharpness):
        return BLUR_LIMITS[0]
    return float(np.clip(BLUR_SHARE * np.median(sharpness), *BLUR_LIMITS))


class _FindingWriter:
    """Describes faults in words and by examples."""

    def __init__(self, options: Options, kept: Mask, names: dict[int, str]) -> None:
        self._options = options
        self._kept = kept
        self._names = names
        self._new_indices = np.cumsum(kept) - 1  # in images.npy after images are left out

    def finding(self, fault: Fault) -> DoctorFinding:
        kind, count = fault.kind, len(fault.indices)
        share = count / max(1, fault.examined)
        dropped, padded = self._options.drop_near_duplicates, self._options.padded
        remedy = advice(kind, count, share, dropped=dropped, padded=padded)
        return DoctorFinding(
            kind,
            count,
            round(share, 6),
            round(fault.limit, 4) if np.isfinite(fault.limit) else None,
            fault.says if fault.says and count else sentence(kind, count, share),
            remedy and SUGGESTS[remedy],
            [self._example(group, float(fault.values[group[0]])) for group in fault.groups()],
            remedy,
            fault.ranges,
        )

    def _example(self, group: tuple[int, ...], value: float) -> Example:
        index, *originals = group
        like = self._reference(originals[0]) if originals else None
        return replace(self._reference(index), value=round(value, 4), like=like)

    def _reference(self, index: int) -> Example:
        new_index = int(self._new_indices[index]) if self._kept[index] else None
        return Example(new_index, self._names[index], None)
