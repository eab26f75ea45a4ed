"""What can go wrong in an ingest, told in sentences for the user.

IngestError      the dataset fails
└── BrokenArchive
Rejected         one file is left out, the others go on
BadTable         one label file is not used
NoClass          one value is no class
Stopped          the ingest was asked to stop
"""


class IngestError(Exception):
    """The dataset cannot be made."""


class BrokenArchive(IngestError):
    """An archive that ends too early or is damaged: what it would have held is unknown."""

    def __init__(self, name: str, fault: str) -> None:
        self.fault = fault
        super().__init__(
            f"{name} is broken: {fault}; it was cut short or damaged when it was made, copied or "
            "sent: check it, and upload a whole one"
        )


class Rejected(Exception):
    """A file that becomes no picture of the dataset. The reason is "kind: detail" or "kind"."""


class BadTable(Exception):
    """A label file that cannot be used; the message is the reason."""


class NoClass(ValueError):
    """A value that is no class, such as a fraction or a list."""


class Stopped(Exception):
    """Leave at once; nothing is to be kept."""


def reason(error: Rejected | BrokenArchive) -> str:
    """Why this one file is left out."""
    return f"damaged: {error.fault}" if isinstance(error, BrokenArchive) else str(error)
