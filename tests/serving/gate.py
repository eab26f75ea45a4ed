"""A gate that holds forward passes, so that a test decides what is queued meanwhile."""

import asyncio
import threading
from typing import Any

import pytest

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.serving.engine import Engine
from app.serving.generation_process import RemoteRenderer
from models.samples import Pixels, Sample


class Gate:
    """Blocks every forward pass until it is opened, and records the passes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.entered = threading.Event(), threading.Event()
        self.passes: list[list[Sample]] = []
        render = RemoteRenderer.render

        def gated(renderer: RemoteRenderer, samples: list[Sample], *others: Any) -> Any:
            self.passes.append(samples)
            self.entered.set()
            assert self.opened.wait(20)
            return render(renderer, samples, *others)

        monkeypatch.setattr(RemoteRenderer, "render", gated)

    async def hold(self, engine: Engine, checkpoint: GeneratorCheckpoint) -> asyncio.Task[Pixels]:
        """Occupy the engine's thread with one request."""
        task = asyncio.create_task(engine.generate(checkpoint, seeds(0)))
        await asyncio.to_thread(self.entered.wait, 20)
        return task


def seeds(*numbers: int) -> list[Sample]:
    return [Sample(number) for number in numbers]
