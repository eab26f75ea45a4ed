"""Class balance: whether every class has enough pictures to be learnt."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

RARE = 0.2  # of the mean class: a model that draws classes evenly repeats it five times as often
FEW = 100  # pictures; beneath, a class is learnt by heart
NAMED = 3


def class_balance(names: list[str], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Counts in the order of the names, the effective number of classes, and what it means."""
    counts = np.bincount(labels, minlength=len(names))
    shares = counts[counts > 0] / counts.sum()
    effective = float(np.exp(-(shares * np.log(shares)).sum()))
    order = np.argsort(counts, kind="stable")
    rarest, largest = int(order[0]), int(order[-1])
    rare = [int(one) for one in order if counts[one] < RARE * counts.mean()]
    few = [int(one) for one in order if counts[one] < FEW]
    says = (
        f"{len(names):,} classes, balanced like {effective:.1f} classes of equal size; the "
        f"smallest is {names[rarest]} with {counts[rarest]:,} pictures, the largest "
        f"{names[largest]} with {counts[largest]:,}."
    )
    suggests = None
    if not rare and len(few) == len(names) > 0:  # to leave them all out would leave nothing
        suggests = (
            f"Every class has fewer than {FEW} pictures, the number below which a class is learnt "
            "by heart: add pictures to all of them, or train without classes."
        )
    elif rare or few:
        thin = rare or few
        listed = ", ".join(names[one] for one in thin[:NAMED])
        more = f" and {len(thin) - NAMED:,} more" if len(thin) > NAMED else ""
        suggests = f"Add pictures of {listed}{more}, or leave them out of a conditional training."
    return {
        "counts": counts.tolist(),
        "effective": round(effective, 3),
        "says": says,
        "suggests": suggests,
    }
