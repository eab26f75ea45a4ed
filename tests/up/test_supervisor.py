import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.processes import StartError
from app.up import supervisor as supervision
from app.up.program import Program, end_leftovers
from app.up.supervisor import StopRequested, Supervisor

from .processes import IGNORES_SIGTERM, SLEEPER, processes_of, wait_for

StandIn = Callable[..., Program]
SUPERVISED = Path(__file__).with_name("supervised.py")

SLOW_TO_END = """
import signal, sys, time
def end(*_):
    time.sleep(0.2)
    open({ends!r}, "a").write("{name} ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
open("{name}.up", "w").close()
time.sleep(600)
"""


def start_supervised(home: Path, **stand_ins: str) -> subprocess.Popen[str]:
    """A supervisor in a child process whose programs have started."""
    arguments = [f"{name}={code}" for name, code in stand_ins.items()]
    process = subprocess.Popen(
        [sys.executable, str(SUPERVISED), str(home), *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    wait_for(lambda: len(processes_of(home)) == len(stand_ins))
    return process


def wait_for_ready(home: Path, *names: str) -> None:
    """Wait until each of the stand-ins ignores SIGTERM, which it prints."""
    wait_for(lambda: all((home / "logs" / f"{name}.log").read_text() for name in names))


def test_a_program_that_ended_is_restarted_and_its_end_announced(
    home: Path, stand_in: StandIn
) -> None:
    announced: list[str] = []
    with Supervisor(home, announced.append) as supervisor:
        supervisor.start(stand_in("api"))
        supervisor.wait_until(lambda: bool(processes_of(home)), 5)
        (first,) = processes_of(home)
        os.kill(first, signal.SIGKILL)
        assert supervisor.wait_until(
            lambda: bool(announced and set(processes_of(home)) - {first}), 5
        )
    assert "Api ended with signal 9 (SIGKILL); it restarts at once" in announced[0]
    assert str(home / "logs" / "api.log") in announced[0]


def test_a_program_that_fails_at_each_start_ends_everything_and_shows_its_log(
    home: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "FIRST_PAUSE_SECONDS", 0.01)
    announced: list[str] = []
    with Supervisor(home, announced.append) as supervisor:
        supervisor.start(stand_in("valkey"))
        supervisor.start(stand_in("api", "raise SystemExit('no such module')"))
        with pytest.raises(StartError, match=r"^Api ended 5 times just after its start.*code 1"):
            supervisor.keep_running()
    assert announced[-1] == "  no such module"
    assert processes_of(home) == {}


@pytest.mark.parametrize(
    ("quick_seconds", "restarts"),
    [(5.0, ["at once", "in 2 s", "in 4 s", "in 8 s"]), (0.0, ["at once"] * 4)],
    ids=["it-fails-to-start", "it-ran-for-long-enough"],
)
def test_only_a_program_that_fails_to_start_again_waits_before_its_restart(
    home: Path,
    stand_in: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    quick_seconds: float,
    restarts: list[str],
) -> None:
    monkeypatch.setattr(supervision, "QUICK_SECONDS", quick_seconds)
    clock = [time.monotonic()]
    monkeypatch.setattr("app.up.supervisor.time.monotonic", lambda: clock[0])
    announced: list[str] = []
    with Supervisor(home, announced.append) as supervisor:
        supervisor.start(stand_in("api", "raise SystemExit(3)"))
        while len(announced) < len(restarts):
            clock[0] = max(watched.restart_at for watched in supervisor._programs)
            supervisor._tick()
    assert [line.partition("restarts ")[2].partition(".")[0] for line in announced] == restarts


def test_programs_stop_in_reverse_order(home: Path, stand_in: StandIn) -> None:
    ends = home / "ends"
    with Supervisor(home, print) as supervisor:
        for name in ("valkey", "worker", "api"):
            supervisor.start(stand_in(name, SLOW_TO_END.format(name=name, ends=str(ends))))
        assert supervisor.wait_until(lambda: len(list((home / "run").glob("*.up"))) == 3, 5)
    assert ends.read_text().split() == ["api", "worker", "valkey"]
    assert list((home / "run").glob("*.pid")) == []


def test_a_program_that_ignores_sigterm_is_killed_with_its_group_at_its_deadline(
    home: Path, stand_in: StandIn
) -> None:
    code = f"import os\nos.fork()\n{IGNORES_SIGTERM}"
    with Supervisor(home, print) as supervisor:
        supervisor.start(stand_in("worker", code, stop_seconds=0.5))
        assert supervisor.wait_until(lambda: len(processes_of(home)) == 2, 5)
        time.sleep(0.2)
        began = time.monotonic()
    assert 0.5 <= time.monotonic() - began < 2.5
    wait_for(lambda: processes_of(home) == {})


def test_a_failing_run_once_program_shows_its_log(home: Path, stand_in: StandIn) -> None:
    announced: list[str] = []
    with Supervisor(home, announced.append) as supervisor:
        supervisor.run_once(stand_in("prepare", "print('all well')"))
        with pytest.raises(StartError, match="Prepare failed with exit code 1"):
            supervisor.run_once(stand_in("prepare", "raise SystemExit('disk full')"))
    assert announced == ["  all well", "  disk full"]


def test_what_starts_meanwhile_keeps_running_after_a_run_once_program(
    home: Path, stand_in: StandIn
) -> None:
    pid_file = home / "run" / "prepare.pid"
    prepare = stand_in("prepare", "import time; time.sleep(0.5)")
    with Supervisor(home, print) as supervisor:

        def start_api() -> None:
            assert pid_file.exists()
            supervisor.start(stand_in("api"))

        supervisor.run_once(prepare, start_api)
        assert not pid_file.exists()
        assert len(processes_of(home)) == 1
    assert processes_of(home) == {}


def test_a_stop_signal_ends_a_run_once_program(home: Path, stand_in: StandIn) -> None:
    before = signal.getsignal(signal.SIGINT)  # SIG_IGN if the tests run in the background
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with Supervisor(home, print) as supervisor, pytest.raises(StopRequested):
        supervisor.run_once(stand_in("prepare"))
    assert processes_of(home) == {}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_kills_a_run_once_program_at_once(home: Path, stand_in: StandIn) -> None:
    announced: list[str] = []
    with Supervisor(home, announced.append) as supervisor:

        def stop_twice() -> None:
            log = home / "logs" / "prepare.log"
            assert supervisor.wait_until(lambda: bool(log.read_text()), 5)
            os.kill(os.getpid(), signal.SIGINT)
            raise StopRequested

        began = time.monotonic()
        with pytest.raises(StopRequested):
            supervisor.run_once(stand_in("prepare", IGNORES_SIGTERM, 30.0), stop_twice)
    assert announced == ["Stopping at once."]
    assert time.monotonic() - began < 10


def test_a_large_log_is_rotated_at_the_next_start(
    home: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.up.program.LOG_BYTES", 3)
    for words in ("first", "second"):
        with Supervisor(home, print) as supervisor:
            supervisor.run_once(stand_in("prepare", f"print({words!r})"))
    assert (home / "logs" / "prepare.log").read_text() == "second\n"
    assert (home / "logs" / "prepare.log.1").read_text() == "first\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_stop_signal_ends_everything(home: Path, number: signal.Signals) -> None:
    process = start_supervised(home, valkey=SLEEPER, api=SLEEPER)
    process.send_signal(number)
    assert process.communicate(timeout=5)[0] == "stopping\n"
    assert process.returncode == 0
    assert processes_of(home) == {}


def test_a_second_ctrl_c_kills_at_once(home: Path) -> None:
    process = start_supervised(home, valkey=IGNORES_SIGTERM, api=IGNORES_SIGTERM)
    wait_for_ready(home, "valkey", "api")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "stopping\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=5)[0] == "Stopping at once.\n"
    assert time.monotonic() - began < 3
    assert processes_of(home) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends programs with their parent")
def test_programs_end_with_a_killed_supervisor(home: Path) -> None:
    process = start_supervised(home, valkey=SLEEPER, api=SLEEPER)
    process.kill()
    process.communicate()
    wait_for(lambda: processes_of(home) == {})


def test_programs_that_survive_a_killed_supervisor_are_ended_at_the_next_start(home: Path) -> None:
    process = start_supervised(home, valkey=IGNORES_SIGTERM)
    wait_for_ready(home, "valkey")
    process.kill()
    process.communicate()
    time.sleep(0.3)
    assert len(processes_of(home)) == 1
    assert end_leftovers(home / "run", 0.3) == ["valkey"]
    assert processes_of(home) == {}
    assert end_leftovers(home / "run", 0.3) == []
