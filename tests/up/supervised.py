"""Runs a Supervisor with stand-ins: `supervised.py HOME NAME=CODE…`."""

import sys
from pathlib import Path

from app.up.program import Program
from app.up.supervisor import StopRequested, Supervisor


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    home = Path(sys.argv[1])
    with Supervisor(home, say) as supervisor:
        for stand_in in sys.argv[2:]:
            name, _, code = stand_in.partition("=")
            command = (sys.executable, "-S", "-c", code)
            environment = {"MOGGY_HOME": str(home)}
            supervisor.start(Program(name, name.title(), command, 10.0, environment))
        say("started")
        try:
            supervisor.keep_running()
        except StopRequested:
            say("stopping")


main()
