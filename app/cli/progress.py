"""Progress on stderr: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

LINE_SECONDS = 10.0  # between two lines where there is no terminal


class View(Protocol):
    """Shows how far one piece of work is."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def describe(self, text: str) -> None:
        """Say what is being done now."""

    def update(self, done: float, total: float | None, figures: str) -> None:
        """Say how much of it is done."""

    def note(self, text: str) -> None:
        """Say something that stays."""


class BarView:
    """One bar that is drawn again and again."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}", markup=False),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=None, figures="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def describe(self, text: str) -> None:
        self._progress.update(self._task, description=text)

    def update(self, done: float, total: float | None, figures: str) -> None:
        completed = done if total is None else min(done, total)
        self._progress.update(self._task, completed=completed, total=total, figures=figures)

    def note(self, text: str) -> None:
        self._progress.console.print(text, markup=False, highlight=False)


class LineView:
    """Lines for a log: of each thing that is done, one of progress in ten seconds."""

    def __init__(self) -> None:
        self._description = ""
        self._next_line = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def describe(self, text: str) -> None:
        if text != self._description:
            self._description, self._next_line = text, 0.0
            self.note(text)

    def update(self, done: float, total: float | None, figures: str) -> None:
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_SECONDS
            share = f"{100 * min(done, total) / total:.0f} % " if total else ""
            self.note(f"{self._description}: {share}{figures}")

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def make_view() -> View:
    """The view that suits where stderr goes."""
    console = Console(stderr=True)
    return BarView(console) if console.is_terminal else LineView()


def optional(data: dict[str, Any], name: str, form: str) -> str | None:
    """A figure as text, or None where the service has not measured it."""
    value = data.get(name)
    return None if value is None else form.format(value)
