"""Reads a run's health every so many images, and says when a signal rises."""

from collections.abc import Mapping, Sequence
from math import isnan
from statistics import median
from typing import TYPE_CHECKING, Any, Self

import torch

from models.training.health.probe import Probe
from models.training.health.series import Series, guessing
from models.training.health.signals import SIGNALS, Finding

if TYPE_CHECKING:
    from models.training.run import Losses, TrainingRun

READ_IMAGES = 10_000  # between two readings: a look at the networks costs half a step or so
READINGS = 3  # a signal's value is the median of so many: one reading alone raises nothing


class Watch:
    """Only looks: it neither changes the run nor takes its random numbers.

    Its memory is a part of the training state, so that a run that goes on says what the whole one
    would have said.
    """

    def __init__(self) -> None:
        self._series = Series()
        self._read_at = 0
        self._values: dict[str, list[float]] = {}
        self._up: list[str] = []
        self._probe: Probe | None = None

    def read(
        self, run: "TrainingRun", steps: Sequence["Losses"]
    ) -> tuple[list[Finding], list[Finding]]:
        """After `steps`: the signals that have risen now, and all that are up. None between two
        readings.
        """
        by_guessing = guessing(run.config)
        for losses in steps:
            self._series.add(losses, by_guessing)
        if run.images_seen // READ_IMAGES == self._read_at // READ_IMAGES:
            return [], []
        self._read_at = run.images_seen
        if self._probe is None:
            self._probe = Probe(run)
        self._remember(_agreed(self._series.read() | self._probe.look(run), run))
        found = self._findings(run.images_seen)
        risen = [one for one in found if one.signal not in self._up]
        self._up = [one.signal for one in found]
        return risen, found

    @property
    def values(self) -> dict[str, float]:
        """What each signal is judged by now, as far as it has been read often enough."""
        return {
            name: median(values) for name, values in self._values.items() if len(values) == READINGS
        }

    def _remember(self, reading: Mapping[str, float]) -> None:
        for signal in SIGNALS:
            if signal.name in reading:
                values = [*self._values.get(signal.name, []), reading[signal.name]]
                self._values[signal.name] = values[-READINGS:]

    def _findings(self, images_seen: int) -> list[Finding]:
        values = self.values
        return [
            signal.finding(values[signal.name], images_seen)
            for signal in SIGNALS
            if signal.name in values and signal.up(values[signal.name], signal.name in self._up)
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "series": self._series.to_json(),
            "read_at": self._read_at,
            "values": self._values,
            "up": self._up,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for what `to_json` never wrote."""
        watch = cls()
        watch._series = Series(**data["series"])
        watch._read_at = int(data["read_at"])
        known = {signal.name for signal in SIGNALS}
        watch._values = {
            name: [float(value) for value in values]
            for name, values in data["values"].items()
            if name in known
        }
        watch._up = [str(name) for name in data["up"] if name in known]
        return watch


def _agreed(reading: Mapping[str, float], run: "TrainingRun") -> dict[str, float]:
    """The mean over the run's processes, of what all of them could read: they act alike on it."""
    names = [signal.name for signal in SIGNALS]
    values = torch.tensor(
        [reading.get(name, float("nan")) for name in names],  # of which every mean is one, too
        dtype=torch.float64,
        device=run.machine.device,
    )
    run.group.average([values])
    agreed = zip(names, values.tolist(), strict=True)
    return {name: value for name, value in agreed if not isnan(value)}
