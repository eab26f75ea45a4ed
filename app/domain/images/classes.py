"""The class that a client names, looked up in what the model has."""

from app.domain.errors import InvalidRequest
from app.domain.images.checkpoint import ServedCheckpoint

NAMES_SHOWN = 20


def find_label(checkpoint: ServedCheckpoint, name: str) -> int:
    """The number of the class; InvalidRequest for a name that the model has not."""
    if not checkpoint.classes:
        raise InvalidRequest(
            f"model {checkpoint.model!r} is not conditional, so it has no class "
            f"{name[:100]!r}: leave class out",
            field="class",
        )
    if name not in checkpoint.classes:
        raise InvalidRequest(
            f"model {checkpoint.model!r} has no class {name[:100]!r}: it has "
            f"{list_classes(checkpoint)}",
            field="class",
        )
    return checkpoint.classes.index(name)


def list_classes(checkpoint: ServedCheckpoint) -> str:
    """The first of them, and how many more there are."""
    shown = ", ".join(checkpoint.classes[:NAMES_SHOWN])
    more = len(checkpoint.classes) - NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
