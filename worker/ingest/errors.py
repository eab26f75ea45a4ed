"""The errors of an ingest; each message is a sentence for the user.

IngestError        the dataset fails
└── BrokenArchive
Rejected           one file is left out, the ingest continues
UnusableLabelFile  one label file is not used
NoClass            one value does not name a class
Stopped          the ingest is being stopped
"""


class IngestError(Exception):
    """The dataset cannot be made."""


class BrokenArchive(IngestError):
    """An archive that is cut short or damaged: the rest of its content is unknown."""

    def __init__(self, name: str, fault: str) -> None:
        self.fault = fault
        super().__init__(
            f"{name} is broken: {fault}; it was cut short or damaged when it was made, copied or "
            "sent: check it, and upload a whole one"
        )


class Rejected(Exception):
    """A file that does not become an image. The reason has the form "kind: detail" or "kind"."""


class UnusableLabelFile(Exception):
    """A label file that cannot be used; the message is the reason."""


class NoClass(ValueError):
    """A value that does not name a class, such as a fraction or a list."""


class Stopped(Exception):
    """The ingest ends at once and keeps nothing."""


def rejection_reason(error: Rejected | BrokenArchive) -> str:
    """Why a file is left out, for the report."""
    return f"damaged: {error.fault}" if isinstance(error, BrokenArchive) else str(error)
