"""Progress on stderr: a bar on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from rich.console import Console

LINE_SECONDS = 10.0  # between two lines of progress without a terminal


class View(Protocol):
    """Shows the progress of one piece of work."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def describe(self, text: str) -> None:
        """Show what is being done now."""

    def update(self, done: float, total: float | None, figures: str) -> None:
        """Show how much of it is done."""

    def note(self, text: str) -> None:
        """Print a line that stays."""


class BarView:
    """A progress bar that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

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
    """Lines for a log: one for each description, and one of progress every ten seconds."""

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
    """A bar if stderr is a terminal, otherwise lines."""
    from rich.console import Console

    console = Console(stderr=True)
    return BarView(console) if console.is_terminal else LineView()
