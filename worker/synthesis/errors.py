"""What can go wrong in a synthesis and would go wrong again, told in sentences for the user.

SynthesisError     the job fails
├── Damaged        the checkpoint is not the file that was stored
├── NoPassport     copies cannot be told from other images
├── TooManyCopies  the model copies more than its other seeds could make good
└── NoWriter       what writes the layout is not installed
"""


class SynthesisError(Exception):
    """The files cannot be made."""


class Damaged(SynthesisError):
    pass


class NoPassport(SynthesisError):
    pass


class TooManyCopies(SynthesisError):
    pass


class NoWriter(SynthesisError):
    pass
