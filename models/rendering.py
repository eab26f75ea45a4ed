"""One loaded generator, made to give every sample the same pixels whatever stands beside it."""

import threading
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoint import LoadedGenerator
from models.config import NETWORK_FIELDS
from models.images import to_uint8
from models.latents import latent_from_seed
from models.samples import BATCH, Pixels, Point, Sample

# Of latents, labels where there are classes, and all weights, to pixels (BATCH, H, W, C) uint8.
Graph = Callable[..., Tensor]

_graphs: dict[tuple[object, ...], Graph] = {}  # by what networks are made of
_tracing = threading.Lock()  # warnings are the process's, and checkpoints are loaded in threads
WARM_UP = 3  # calls, after which PyTorch has settled on how to run what it has traced


class Renderer:
    """Latents, and labels where it has classes, to pixels on the CPU, in float32.

    bfloat16 would take half the time where the CPU has it, but differs by two or three levels
    from what float32 gives elsewhere: one seed would be two pictures. `bytes`: of its weights.
    """

    def __init__(self, loaded: LoadedGenerator) -> None:
        self._latent_dim = loaded.config.latent_dim
        self._conditional = loaded.config.conditional
        generator = loaded.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._weights = tuple(generator.state_dict().values())
        self.bytes = sum(one.nbytes for one in self._weights)
        made_of = tuple(getattr(loaded.config, name) for name in NETWORK_FIELDS)
        self._graph = _graph(made_of, generator, *self._inputs())

    @torch.inference_mode()
    def render(self, samples: list[Sample]) -> Pixels:
        """At most BATCH samples -> (len(samples), H, W, C), always by a forward pass of BATCH.

        Kernels are chosen by shape: only one shape gives one picture the same bytes in every slot.
        """
        latents, *labels = self._inputs()
        for slot, sample in enumerate(samples):
            latents[slot] = self._latent(sample.point)
            if labels and sample.label is not None:
                labels[0][slot] = sample.label
        pixels: Pixels = self._graph(latents, *labels, *self._weights).numpy()[: len(samples)]
        if pixels.shape[3] == 4:
            # Colours that nobody sees: an animated WebP loses them, and every file shall agree.
            pixels[pixels[..., 3] == 0] = 0
        return pixels

    def _inputs(self) -> list[Tensor]:
        """The latents of a batch, and where there are classes its labels; all zeros."""
        latents = torch.zeros(BATCH, self._latent_dim)
        return [latents, torch.zeros(BATCH, dtype=torch.int64)] if self._conditional else [latents]

    def _latent(self, point: Point) -> Tensor:
        if isinstance(point, np.ndarray):
            return torch.from_numpy(point)
        return latent_from_seed(point, self._latent_dim)


def _graph(made_of: tuple[object, ...], generator: nn.Module, *inputs: Tensor) -> Graph:
    """The forward pass as one call into C++, for all generators that are made of the same; the
    same bits as layer by layer.

    Layer by layer Python takes its lock back after each, and waits for whoever else runs: beside a
    busy event loop a batch took 95 ms, as one call 15. PyTorch would rather have `torch.compile`
    used, which needs a C++ compiler on the machine. It is kept for ever, without weights, because
    PyTorch 2.13 never frees what it has traced: with weights in it, 50 MB at each loading.
    """
    with _tracing:
        if made_of not in _graphs:
            _graphs[made_of] = _traced(generator, *inputs)
        return _graphs[made_of]


@torch.inference_mode()
def _traced(generator: nn.Module, *inputs: Tensor) -> Graph:
    weights = generator.state_dict()
    names = list(weights)

    def forward(*given: Tensor) -> Tensor:
        _give(generator, names, given[len(inputs) :])
        return to_uint8(generator(*given[: len(inputs)]))

    everything = (*inputs, *weights.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        # Of what would not hold for another shape than that of the batch.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        traced: Graph = torch.jit.trace(forward, everything, check_trace=False)
    for _ in range(WARM_UP):
        traced(*everything)
    # What was traced remembers `forward`, and so this generator: without its weights.
    _give(generator, names, [one.to("meta") for one in weights.values()])
    return traced


def _give(generator: nn.Module, names: Sequence[str], tensors: Sequence[Tensor]) -> None:
    """Put tensors in the place of its weights, as they are: traced ones stay so."""
    for name, tensor in zip(names, tensors, strict=True):
        owner, _, own = name.rpartition(".")
        module = generator.get_submodule(owner)
        delattr(module, own)  # a parameter's place takes no plain tensor
        setattr(module, own, tensor)
