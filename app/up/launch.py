"""Becomes another program that ends with its parent: `launch.py PARENT_PID PROGRAM ARGUMENT…`.

Run as a file, with nothing imported that takes time. On Linux the kernel sends SIGTERM when the
parent dies, even of SIGKILL, and keeps that promise over `exec`. (A `preexec_fn` could ask for it
too, but it runs Python between fork and exec, where a parent with threads may deadlock.)
Elsewhere the next start ends what was left (see leftovers.py).
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):  # it died before the kernel was asked
            sys.exit(1)
    try:
        os.execvp(program, [program, *arguments])
    except OSError as error:
        sys.exit(f"{program}: {error.strerror}")


if __name__ == "__main__":
    main()
