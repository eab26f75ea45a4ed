"""The errors of an ingest; each message is a sentence for the user.

IngestError        the dataset fails
└── BrokenArchive
Rejected           one file is left out, the ingest continues
UnusableLabelFile  one label file is not used
NoClass            one value does not name a class
Stopped          the ingest is being stopped
"""

from typing import Any

import numpy as np


class IngestError(Exception):
    """The dataset cannot be made. `facts` are the kind and the figures of the error, if it has a
    kind (app.domain.job_errors)."""

    def __init__(self, message: str, facts: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.facts = facts


class BrokenArchive(IngestError):
    """An archive that is cut short or damaged: the rest of its content is unknown."""

    def __init__(self, name: str, fault: str) -> None:
        self.fault = fault
        super().__init__(
            f"{name} is broken: {fault}; it was cut short or damaged when it was made, copied or "
            "sent: check it, and upload a whole one",
            {"kind": "broken_archive", "file": name},
        )


class Rejected(Exception):
    """A file that does not become an image. The reason has the form "kind: detail" or "kind", where
    the kind is in REJECTION_KINDS; `figures` are numbers in it. `thumbnail` shows what was decoded
    of the file (worker.ingest.decoding.thumbnails)."""

    def __init__(
        self, reason: str | None, thumbnail: np.ndarray | None = None, **figures: int
    ) -> None:
        super().__init__(reason)
        self.figures = figures
        self.thumbnail = thumbnail


# The kinds of reasons, as the report's `rejected` names them, by the words of the reason.
REJECTION_KINDS = {
    "damaged": "damaged",
    "damaged in its zip": "damaged",
    "truncated": "truncated",
    "truncated or damaged": "damaged",
    "not an image": "not_an_image",
    "not a picture": "not_an_image",
    "not read": "unread_format",
    "too small": "too_small",
    "too many pixels": "too_many_pixels",
    "too large": "too_large",
    "nested archive": "nested_archive",
    "nested array": "nested_array",
    "unsupported archive": "unsupported_archive",
    "unsupported compression": "unsupported_compression",
    "encrypted": "encrypted",
    "link": "link",
    "special file": "special_file",
    "unsafe path": "unsafe_path",
    "no class": "no_class",
    "no known white": "no_known_white",
    "no picture": "no_picture",
    "path without a picture": "no_picture",
    "label file not used": "label_file",
    "not pictures": "unusable_array",
    "not labels": "unusable_array",
    "pickled objects": "unusable_array",
    "in Fortran order": "unusable_array",
    "empty": "unusable_array",
    "wrong count": "unusable_array",
    "unknown name": "unusable_array",
    "too many arrays": "unusable_array",
    "too many labels": "unusable_array",
    "labels without pictures": "unusable_array",
    "labels twice": "unusable_array",
}


class UnusableLabelFile(Exception):
    """A label file that cannot be used; the message is the reason."""


class NoClass(ValueError):
    """A value that does not name a class, such as a fraction or a list."""


class Stopped(Exception):
    """The ingest ends at once and keeps nothing."""


def rejection_reason(error: Rejected | BrokenArchive) -> str:
    """Why a file is left out, for the report."""
    return f"damaged: {error.fault}" if isinstance(error, BrokenArchive) else str(error)


def rejection_kind(reason: str) -> str:
    """The kind of a reason "kind: detail" or "kind"."""
    return REJECTION_KINDS.get(reason.partition(":")[0], "other")
