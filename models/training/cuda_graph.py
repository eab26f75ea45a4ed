"""A step as a CUDA graph: hundreds of small kernels launched as one."""

from collections.abc import Callable

import torch
from torch import Tensor

from models.training.schedules import Hyperparameters
from models.training.step import Batch

WARM_UP = 3  # steps done one by one first, in which libraries choose and allocate
KEPT = 2  # graphs: with the penalties, and without

StepFunction = Callable[[list[Batch], Hyperparameters, bool], Tensor]


class GraphedStep:
    """Captures `step` once for each set of values and plays it back from then on.

    Values are constants of a graph; schedules move in levels, so that it seldom changes.
    """

    def __init__(self, step: StepFunction) -> None:
        self._step = step
        self._stream = torch.cuda.Stream()
        self._warmed = 0
        self._inputs: list[Batch] = []
        self._graphs: dict[tuple[Hyperparameters, bool], tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def __call__(self, batches: list[Batch], values: Hyperparameters, penalise: bool) -> Tensor:
        if self._warmed < WARM_UP:
            self._warmed += 1
            return self._on_stream(batches, values, penalise)
        if not self._inputs:
            self._inputs = [_copy(batch) for batch in batches]
        for fixed, batch in zip(self._inputs, batches, strict=True):
            for target, source in zip(fixed, batch, strict=True):
                if target is not None and source is not None:
                    target.copy_(source, non_blocking=True)
        key = values, penalise
        if key not in self._graphs:
            self._capture(values, penalise)
        graph, reported = self._graphs[key]
        graph.replay()
        return reported

    def _on_stream(self, batches: list[Batch], values: Hyperparameters, penalise: bool) -> Tensor:
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            reported = self._step(batches, values, penalise)
        torch.cuda.current_stream().wait_stream(self._stream)
        return reported

    def _capture(self, values: Hyperparameters, penalise: bool) -> None:
        while len(self._graphs) >= KEPT:
            del self._graphs[next(iter(self._graphs))]
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            reported = self._step(self._inputs, values, penalise)
        self._graphs[values, penalise] = graph, reported


def _copy(batch: Batch) -> Batch:
    labels = None if batch.labels is None else batch.labels.clone()
    return Batch(batch.pictures.clone(), labels, batch.latents.clone(), batch.noise.clone())
