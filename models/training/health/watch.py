"""Reads the health of a run at intervals, and alerts when a signal becomes active."""

from collections.abc import Mapping, Sequence
from math import isnan
from statistics import median
from typing import Any, Self

import torch

from models.training.health.probe import Probe, Snapshot
from models.training.health.signals import SIGNALS, HealthAlert
from models.training.health.step_averages import StepAverages, guessing_loss
from models.training.step import StepReport

READ_IMAGES = 10_000  # between two readings: a probe of the networks costs about half a step
READINGS = 3  # a signal is judged by the median of this many, so that one outlier has no effect


class Watch:
    """Reads a run without changing it or using its random numbers.

    Its own values are a part of the training state: a resumed run reports what an uninterrupted one
    would have reported.
    """

    def __init__(self) -> None:
        self._averages = StepAverages()
        self._read_at = 0
        self._values: dict[str, list[float]] = {}
        self._active: list[str] = []
        self._probe: Probe | None = None

    def read(
        self, snapshot: Snapshot, reports: Sequence[StepReport[float]]
    ) -> tuple[list[HealthAlert], list[HealthAlert]]:
        """The alerts that are new after the steps of `reports`, and all that are active.

        Both lists are empty between two readings.
        """
        loss = guessing_loss(snapshot.config)
        for report in reports:
            self._averages.add(report, loss)
        if snapshot.images_seen // READ_IMAGES == self._read_at // READ_IMAGES:
            return [], []
        self._read_at = snapshot.images_seen
        if self._probe is None:
            self._probe = Probe(snapshot)
        reading = self._averages.read() | self._probe.measure(snapshot)
        self._remember(_mean_over_group(reading, snapshot))
        active = self._active_alerts(snapshot.images_seen)
        new = [alert for alert in active if alert.signal not in self._active]
        self._active = [alert.signal for alert in active]
        return new, active

    @property
    def values(self) -> dict[str, float]:
        """The value that each signal is judged by, once there are enough readings."""
        return {
            name: median(values) for name, values in self._values.items() if len(values) == READINGS
        }

    def _remember(self, reading: Mapping[str, float]) -> None:
        for signal in SIGNALS:
            if signal.name in reading:
                values = [*self._values.get(signal.name, []), reading[signal.name]]
                self._values[signal.name] = values[-READINGS:]

    def _active_alerts(self, images_seen: int) -> list[HealthAlert]:
        values = self.values
        return [
            signal.alert(values[signal.name], images_seen)
            for signal in SIGNALS
            if signal.name in values
            and signal.active(values[signal.name], signal.name in self._active)
        ]

    def to_json(self) -> dict[str, Any]:
        return {
            "series": self._averages.to_json(),
            "read_at": self._read_at,
            "values": self._values,
            "up": self._active,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Raises KeyError, TypeError or ValueError for what `to_json` does not write."""
        watch = cls()
        watch._averages = StepAverages(**data["series"])
        watch._read_at = int(data["read_at"])
        known = {signal.name for signal in SIGNALS}
        watch._values = {
            name: [float(value) for value in values]
            for name, values in data["values"].items()
            if name in known
        }
        watch._active = [str(name) for name in data["up"] if name in known]
        return watch


def _mean_over_group(reading: Mapping[str, float], snapshot: Snapshot) -> dict[str, float]:
    """The mean over the group's processes, so that all act alike.

    A value that one of them could not measure is NaN there, its mean is NaN, and it is left out.
    """
    names = [signal.name for signal in SIGNALS]
    values = torch.tensor(
        [reading.get(name, float("nan")) for name in names],
        dtype=torch.float64,
        device=snapshot.machine.device,
    )
    snapshot.group.average([values])
    means = zip(names, values.tolist(), strict=True)
    return {name: value for name, value in means if not isnan(value)}
