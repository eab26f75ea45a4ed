"""How a process ended, in words."""

import signal
from contextlib import suppress


def describe_exit(code: int) -> str:
    """`exit code 1`, or `signal 9 (SIGKILL)` for -9."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {-code} ({signal.Signals(-code).name})"
    return f"signal {-code}"
