"""What ends a command: one line on stderr and an exit code."""

FAILED = 1  # the service refused, or the job failed
UNREACHABLE = 2  # no service answers, or the command line is wrong
INTERRUPTED = 130  # as shells count an end by Ctrl-C


class CommandError(Exception):
    """A sentence for the user, and the exit code of the command."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ServiceUnreachable(CommandError):
    """Nothing answers at the address, or the connection broke."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNREACHABLE)


class ServiceBusy(CommandError):
    """The service answers that it cannot now: its queue is full, or a part of it is away."""


class WrongUsage(CommandError):
    """An argument cannot be right, which is known before the service is asked."""

    def __init__(self, message: str) -> None:
        super().__init__(message, UNREACHABLE)
