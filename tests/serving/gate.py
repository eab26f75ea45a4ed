"""A gate that holds calls of the runtime, so that a test decides what is queued meanwhile."""

import asyncio
import threading

import pytest

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.serving.engine import Engine
from models.onnx_generator import OnnxGenerator
from models.samples import Pixels, Sample


class Gate:
    """Blocks every call until it is opened, and records the calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.entered = threading.Event(), threading.Event()
        self.passes: list[list[Sample]] = []
        render = OnnxGenerator.render

        def gated(generator: OnnxGenerator, samples: list[Sample]) -> Pixels:
            self.passes.append(samples)
            self.entered.set()
            assert self.opened.wait(20)
            return render(generator, samples)

        monkeypatch.setattr(OnnxGenerator, "render", gated)

    async def hold(self, engine: Engine, checkpoint: GeneratorCheckpoint) -> asyncio.Task[Pixels]:
        """Occupy the engine's thread with one request."""
        task = asyncio.create_task(engine.generate(checkpoint, seeds(0)))
        await asyncio.to_thread(self.entered.wait, 20)
        return task


def seeds(*numbers: int) -> list[Sample]:
    return [Sample(number) for number in numbers]
