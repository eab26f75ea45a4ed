"""Executes a program so that it ends with its parent: `launch.py PARENT_PID PROGRAM ARGUMENT…`.

Runs as a file and imports nothing that takes time. On Linux the kernel sends SIGTERM to the program
when the parent dies, even by SIGKILL; the setting survives `exec`. (A `preexec_fn` could set it
too, but it runs Python between fork and exec, where a parent with threads may deadlock.) On other
systems the next `moggy up` ends the programs that were left running (`end_leftovers`).
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
        if os.getppid() != int(parent):  # the parent died before the call
            sys.exit(1)
    try:
        os.execvp(program, [program, *arguments])
    except OSError as error:
        sys.exit(f"{program}: {error.strerror}")


if __name__ == "__main__":
    main()
