"""A training step as a CUDA graph: hundreds of small kernels with a single launch."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from models.training.schedules import Hyperparameters
from models.training.step import Batch, StepReport

WARM_UP_STEPS = 3  # run without a graph, while libraries choose their kernels and allocate
MAX_GRAPHS = 2  # one with the penalties, one without

StepFunction = Callable[[Sequence[Batch], Hyperparameters], StepReport[Tensor]]


class GraphedStep:
    """Captures `step` once for each set of hyperparameters, and replays it from then on.

    Hyperparameters are constants of a graph. Schedules move in levels, so captures are rare. A
    replay writes its report to the same memory again.
    """

    def __init__(self, step: StepFunction) -> None:
        self._step = step
        self._stream = torch.cuda.Stream()
        self._steps = 0
        self._inputs: list[Batch] = []
        self._graphs: dict[Hyperparameters, tuple[torch.cuda.CUDAGraph, StepReport[Tensor]]] = {}

    def __call__(self, batches: Sequence[Batch], values: Hyperparameters) -> StepReport[Tensor]:
        if self._steps < WARM_UP_STEPS:
            self._steps += 1
            return self._on_side_stream(batches, values)
        if not self._inputs:
            self._inputs = [_copy(batch) for batch in batches]
        for fixed, batch in zip(self._inputs, batches, strict=True):
            for target, source in zip(fixed, batch, strict=True):
                if target is not None and source is not None:
                    target.copy_(source, non_blocking=True)
        if values not in self._graphs:
            self._capture(values)
        graph, report = self._graphs[values]
        graph.replay()
        return report

    def _on_side_stream(
        self, batches: Sequence[Batch], values: Hyperparameters
    ) -> StepReport[Tensor]:
        """Run a step on a side stream, as PyTorch requires before a capture."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            report = self._step(batches, values)
        torch.cuda.current_stream().wait_stream(self._stream)
        return report

    def _capture(self, values: Hyperparameters) -> None:
        while len(self._graphs) >= MAX_GRAPHS:
            del self._graphs[next(iter(self._graphs))]  # the oldest one
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            report = self._step(self._inputs, values)
        self._graphs[values] = graph, report


def _copy(batch: Batch) -> Batch:
    labels = None if batch.labels is None else batch.labels.clone()
    return Batch(batch.images.clone(), labels, batch.latents.clone(), batch.noise.clone())
