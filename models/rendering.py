"""From latents to pixels: `synthesize` for training and scores, `Renderer` for served images."""

import threading
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoint import LoadedGenerator
from models.config import NETWORK_FIELDS
from models.networks.network import Generator
from models.samples import RENDER_BATCH, Pixels, Point, Sample
from models.seeds import Latents, latent_from_seed

SYNTHESIS_BATCH = 64  # images per forward pass of `synthesize`

# Maps (latents, labels where there are classes, all weights) to pixels (RENDER_BATCH, H, W, C).
Graph = Callable[..., Tensor]

WARM_UP_CALLS = 3  # after these PyTorch has settled on how to run a traced function
_graphs: dict[tuple[object, ...], Graph] = {}  # by the values of the configuration's NETWORK_FIELDS
# Checkpoints are loaded in threads, and `warnings.catch_warnings` changes the whole process.
_tracing = threading.Lock()


def to_uint8(images: Tensor) -> Tensor:
    """(B, C, H, W) in [-1, 1] -> (B, H, W, C) uint8, rounded; values out of range are clipped."""
    pixels = images.float().add(1).mul(127.5).round().clamp(0, 255)
    return pixels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


@torch.inference_mode()
def synthesize(generator: Generator, latents: Latents, labels: Tensor | None = None) -> np.ndarray:
    """(N, latent_dim) latents -> (N, H, W, C) uint8 images, computed in float32.

    A conditional generator needs `labels`, (N,). Every forward pass has the same shape, the last
    one padded, so that an image does not depend on how many others are generated.
    """
    device = next(generator.parameters()).device
    batches = []
    for start in range(0, len(latents), SYNTHESIS_BATCH):
        part = torch.from_numpy(latents[start : start + SYNTHESIS_BATCH])
        padded = torch.zeros(SYNTHESIS_BATCH, latents.shape[1])
        padded[: len(part)] = part
        padded_labels = None
        if labels is not None:
            padded_labels = torch.zeros(SYNTHESIS_BATCH, dtype=torch.int64)
            padded_labels[: len(part)] = labels[start : start + SYNTHESIS_BATCH]
            padded_labels = padded_labels.to(device)
        images = generator(padded.to(device), padded_labels)
        batches.append(to_uint8(images)[: len(part)].cpu().numpy())
    return np.concatenate(batches)


class Renderer:
    """A loaded generator that gives a sample the same pixels whatever else is in its batch.

    It computes on the CPU in float32. bfloat16 would take half the time where the CPU supports it,
    but its pixels differ from float32 by two or three levels: a seed would give different images on
    different machines. `bytes` is the size of the weights.
    """

    def __init__(self, loaded: LoadedGenerator) -> None:
        self._latent_dim = loaded.config.latent_dim
        self._conditional = loaded.config.conditional
        generator = loaded.generator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._weights = tuple(generator.state_dict().values())
        self.bytes = sum(weight.nbytes for weight in self._weights)
        network = tuple(getattr(loaded.config, name) for name in NETWORK_FIELDS)
        self._graph = _graph(network, generator, *self._empty_inputs())

    @torch.inference_mode()
    def render(self, samples: list[Sample]) -> Pixels:
        """Render up to RENDER_BATCH samples: -> (len(samples), H, W, C).

        A forward pass always has RENDER_BATCH slots. PyTorch chooses kernels by shape: only with
        one fixed shape does an image get the same bytes in every slot.
        """
        latents, *labels = self._empty_inputs()
        for slot, sample in enumerate(samples):
            latents[slot] = self._latent(sample.point)
            if labels and sample.label is not None:
                labels[0][slot] = sample.label
        pixels: Pixels = self._graph(latents, *labels, *self._weights).numpy()[: len(samples)]
        if pixels.shape[3] == 4:
            # An animated WebP drops the colours of transparent pixels; all formats are to agree.
            pixels[pixels[..., 3] == 0] = 0
        return pixels

    def _empty_inputs(self) -> list[Tensor]:
        """Zeros for a batch's latents and, where there are classes, its labels."""
        latents = torch.zeros(RENDER_BATCH, self._latent_dim)
        if not self._conditional:
            return [latents]
        return [latents, torch.zeros(RENDER_BATCH, dtype=torch.int64)]

    def _latent(self, point: Point) -> Tensor:
        if isinstance(point, np.ndarray):
            return torch.from_numpy(point)
        return torch.from_numpy(latent_from_seed(point, self._latent_dim))


def _graph(network: tuple[object, ...], generator: nn.Module, *inputs: Tensor) -> Graph:
    """The forward pass as one call into C++, shared by all generators of the same network.

    Its results equal those of calls layer by layer, bit for bit. In such calls, Python takes the
    GIL back after each layer and waits for other threads: beside a busy event loop a batch took 95
    ms, and as one call 15 ms. `torch.compile`, which PyTorch recommends instead, needs a C++
    compiler on the machine. A graph is kept for ever, without weights, because PyTorch 2.13 never
    frees a traced function: with weights in it, every loading would leak 50 MB.
    """
    with _tracing:
        if network not in _graphs:
            _graphs[network] = _trace(generator, *inputs)
        return _graphs[network]


@torch.inference_mode()
def _trace(generator: nn.Module, *inputs: Tensor) -> Graph:
    weights = generator.state_dict()
    names = list(weights)

    def forward(*arguments: Tensor) -> Tensor:
        _set_weights(generator, names, arguments[len(inputs) :])
        return to_uint8(generator(*arguments[: len(inputs)]))

    arguments = (*inputs, *weights.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        # Warns about code that depends on the shape, which never changes here.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        traced: Graph = torch.jit.trace(forward, arguments, check_trace=False)
    for _ in range(WARM_UP_CALLS):
        traced(*arguments)
    # The traced function keeps `forward` and with it this generator: drop the generator's weights.
    _set_weights(generator, names, [weight.to("meta") for weight in weights.values()])
    return traced


def _set_weights(module: nn.Module, names: Sequence[str], tensors: Sequence[Tensor]) -> None:
    """Replace the module's weights by plain tensors, so that traced tensors stay traced."""
    for name, tensor in zip(names, tensors, strict=True):
        owner_name, _, attribute = name.rpartition(".")
        owner = module.get_submodule(owner_name)
        delattr(owner, attribute)  # a registered parameter cannot be set to a plain tensor
        setattr(owner, attribute, tensor)
