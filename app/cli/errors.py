"""The errors that end a command: one line on stderr, and an exit code.

CommandError            1  the service refused, or the job failed
├── ServiceBusy         1  the service cannot answer now; trying again may help
│   └── IndexMissing    1  a job has to index the model's images first
├── ServiceUnreachable  2  no service answers at the address, or the connection broke
└── WrongUsage          2  an argument is wrong, which is known before any request
"""

FAILED = 1
UNREACHABLE = 2
WRONG_USAGE = 2
INTERRUPTED = 130  # the exit code that shells use for Ctrl-C


class CommandError(Exception):
    """A sentence for the user, and the exit code of the command."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ServiceBusy(CommandError):
    pass


class IndexMissing(ServiceBusy):
    """`job` is the id of the job that builds the index."""

    def __init__(self, message: str, job: str) -> None:
        super().__init__(message)
        self.job = job


class ServiceUnreachable(CommandError):
    def __init__(self, message: str) -> None:
        super().__init__(message, UNREACHABLE)


class WrongUsage(CommandError):
    def __init__(self, message: str) -> None:
        super().__init__(message, WRONG_USAGE)
