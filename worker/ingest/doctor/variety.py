"""How varied a dataset is: the effective number of its images and of its classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from worker.ingest.doctor.close_pairs import Features, Indices

SAMPLE = 1000
KERNEL_WIDTH = 0.4  # embedding distance at which the similarity of two images is 1/√e
MIN_EIGENVALUE = 1e-12  # a smaller one is a rounding error
MONOTONOUS = 0.05  # effective images per image

RARE = 0.2  # of the mean class; where all classes are drawn evenly, it is repeated five times
FEW_IMAGES = 100  # a class with fewer is memorised
CLASSES_NAMED = 3  # classes


def effective_number(features: Features, indices: Indices) -> tuple[float, int]:
    """The Vendi score of the images at `indices`, and the size of the sample that was used.

    The score (Friedman and Dieng 2023, arXiv:2210.02410) is the exponential of the entropy of the
    eigenvalues of K / n, where K holds the similarities of n images, each 1 to itself. It is n
    where no images are alike, and 1 where all are the same. The sample is fixed, of up to 1,000.
    """
    count = min(SAMPLE, len(indices))
    chosen = np.sort(np.random.default_rng(0).choice(indices, count, False))
    sample = features[chosen].astype(np.float64)
    sample /= np.linalg.norm(sample, axis=1, keepdims=True)
    squares = np.maximum(2 - 2 * sample @ sample.T, 0)
    spectrum = np.linalg.eigvalsh(np.exp(-squares / (2 * KERNEL_WIDTH**2)) / count)
    positive = spectrum[spectrum > MIN_EIGENVALUE]
    return float(np.exp(-(positive * np.log(positive)).sum())), count


def effective_images(number: float, sample: int) -> dict[str, Any]:
    """`effective_images` of the report: the effective number with a sentence and an advice."""
    share = number / sample
    whole = round(number)
    counted = "a single picture" if whole == 1 else f"{whole:,} pictures that are all different"
    suggests = advice = None
    if share < MONOTONOUS:
        advice = "other_kinds"
        suggests = (
            "The pictures are much alike: add other kinds of pictures rather than more of these."
        )
    return {
        "value": round(number, 1),
        "sample": sample,
        "share": round(share, 4),
        "says": f"A random sample of {sample:,} pictures is as varied as {counted}.",
        "suggests": suggests,
        "advice": advice,
    }


def class_balance(names: list[str], labels: NDArray[np.int64]) -> dict[str, Any]:
    """`class_balance` of the report: counts, effective number of classes, a sentence, an advice.

    `thin` names the first classes that `suggests` is about. The effective number is the exponential
    of the entropy of the classes' shares.
    """
    counts = np.bincount(labels, minlength=len(names))
    shares = counts[counts > 0] / counts.sum()
    effective = float(np.exp(-(shares * np.log(shares)).sum()))
    order = np.argsort(counts, kind="stable")
    rarest, largest = int(order[0]), int(order[-1])
    rare = [int(label) for label in order if counts[label] < RARE * counts.mean()]
    few = [int(label) for label in order if counts[label] < FEW_IMAGES]
    says = (
        f"{len(names):,} classes, balanced like {effective:.1f} classes of equal size; the "
        f"smallest is {names[rarest]} with {counts[rarest]:,} pictures, the largest "
        f"{names[largest]} with {counts[largest]:,}."
    )
    suggests = advice = None
    thin = rare or few
    if not rare and len(few) == len(names) > 0:  # leaving all of them out would leave nothing
        advice = "small_classes"
        suggests = (
            f"Every class has fewer than {FEW_IMAGES} pictures, few enough to be memorised: add "
            "pictures to all of them, or train without classes."
        )
    elif thin:
        advice = "add_or_leave_out"
        listed = ", ".join(names[label] for label in thin[:CLASSES_NAMED])
        more = f" and {len(thin) - CLASSES_NAMED:,} more" if len(thin) > CLASSES_NAMED else ""
        suggests = f"Add pictures of {listed}{more}, or leave them out of a conditional training."
    return {
        "counts": counts.tolist(),
        "effective": round(effective, 3),
        "says": says,
        "suggests": suggests,
        "smallest": {"name": names[rarest], "images": int(counts[rarest])},
        "largest": {"name": names[largest], "images": int(counts[largest])},
        "advice": advice,
        "thin": [names[label] for label in thin[:CLASSES_NAMED]],
        "more_thin": max(0, len(thin) - CLASSES_NAMED),
    }
