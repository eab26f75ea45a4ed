"""What a training step costs at least: its operations and its bytes, counted on no device.

The step is taken on meta tensors, and every matrix product and convolution of it is counted.

Operations, per image: 2 for each multiplication and addition of the products that the step cannot
do without. With G and D one image's forward pass through each network, a backward pass to weights
and input costs 2, to one of them 1, and nobody wants the gradient of the first layers' input:

    shared       3 G + 7 D   D sees reals and fakes (2), learns from both (2 · 2), hands G's loss
                             back through the fakes' own pass (1)
    apart        4 G + 8 D   D learns from fakes made for it (G), G from fresh ones through a D
                             that has changed (D): updates "alternating" and "split"
    the example  3 G + 8 D   the same fakes, but through a D that has changed

and in every `penalty_every_steps`-th step 3 D more for R1 and for R2 (D's gradient by the image,
and a backward pass through it), 6 for a penalty between reals and fakes, which are a pass more.
A relativistic loss shows G's own update the reals again: 1 D.

Bytes, per image: every product reads its operands and writes its outcome once in bfloat16, all that
lies between two products being done on the way; and the step, divided by its batch, reads and
writes the weights and both moments of Adam in float32 (24 bytes for each parameter), reads the
gradient and writes the weights' bfloat16 copy (4), and moves the generator's average (8).

Nothing that computes the same can be faster, but for what stays in a cache from one product to the
next: little with a large batch, much of a small network's weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.harness import pytorch_example
from models.config import TrainingConfig
from models.networks.build import build_discriminator, build_generator

ELEMENT_BYTES = 2  # bfloat16
ADAM_BYTES = 28
AVERAGE_BYTES = 8


@dataclass(frozen=True)
class Work:
    """Floating-point operations, and bytes to and from memory."""

    operations: float
    bytes: float

    def __add__(self, other: "Work") -> "Work":
        return Work(self.operations + other.operations, self.bytes + other.bytes)

    def __mul__(self, times: float) -> "Work":
        return Work(self.operations * times, self.bytes * times)


class _Products(TorchDispatchMode):
    """Counts what matrix products and convolutions compute, read and write.

    Not FlopCounterMode: its hooks fail on a leaf that autograd.grad is asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.work = Work(0, 0)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        operations = _operations(func._overloadpacket, args, result)
        if operations is not None:
            outcome = result if isinstance(result, tuple) else (result,)
            touched = [one.numel() for one in (*args, *outcome) if isinstance(one, Tensor)]
            self.work += Work(operations, ELEMENT_BYTES * sum(touched))
        return result


def _operations(product: Any, args: tuple[Any, ...], result: Any) -> float | None:
    """Of one call of torch's; None where it is no product.

    Convolutions by a formula of our own: torch's counts the weights' gradient of a grouped one as
    often as there are groups. A weight is used once at each position of the smaller picture, the
    outcome or, transposed, the input; and so in either gradient.
    """
    if product is torch.ops.aten.convolution:
        images, weight, transposed = args[0], args[1], args[6]
        small = images if transposed else result
        return 2.0 * len(images) * small[0, 0].numel() * weight.numel()
    if product is torch.ops.aten.convolution_backward:
        gradient, images, weight, transposed, wanted = *args[:3], args[7], args[10]
        small = images if transposed else gradient
        return 2.0 * len(images) * small[0, 0].numel() * weight.numel() * sum(wanted[:2])
    formula = flop_registry.get(product)
    return None if formula is None else float(formula(*args, out_val=result))


def count(step: Callable[[], Any]) -> Work:
    """The products of `step`, taken on meta tensors."""
    with _Products() as products:
        step()
    return products.work


def training_work(config: TrainingConfig) -> Work:
    """Of one image of a training with `config`, penalties spread over the steps between them."""
    with torch.device("meta"):
        step = _Step(config)
        work = count(lambda: step.take(penalised=False))
        if config.r1 or config.r2 or config.gradient_penalty:
            share = 1 / config.penalty_every_steps
            penalised = count(lambda: step.take(penalised=True))
            work = work * (1 - share) + penalised * share
    generator, discriminator = (_size(network) for network in (step.G, step.D))
    state = (ADAM_BYTES + AVERAGE_BYTES) * generator
    state += ADAM_BYTES * discriminator * config.discriminator_steps
    return (work + Work(0, state)) * (1 / (config.batch_size * config.discriminator_steps))


def example_work(width: int) -> Work:
    """Of one image of pytorch/examples' step at that width, without the gradients it drops."""
    with torch.device("meta"):
        G, D = pytorch_example.generator(width), pytorch_example.discriminator(width)
        latents, reals = torch.empty(1, pytorch_example.LATENT_DIM, 1, 1), torch.empty(1, 3, 64, 64)

    def step() -> None:
        fakes = G(latents)
        seen = D(reals).sum() + D(fakes.detach()).sum()
        torch.autograd.backward(seen, inputs=list(D.parameters()))
        torch.autograd.backward(D(fakes).sum(), inputs=list(G.parameters()))

    return count(step)


class _Step:
    """The passes of a training step, with losses that cost nothing."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.G, self.D = build_generator(config), build_discriminator(config)
        height, width, channels = config.shape
        size = config.batch_size
        self.latents = torch.empty(size, config.latent_dim)
        self.reals = torch.empty(size, channels, height, width)
        self.labels = torch.zeros(size, dtype=torch.int64) if config.classes else None

    def take(self, *, penalised: bool) -> None:
        config, G, D, labels = self.config, self.G, self.D, self.labels
        fakes = G(self.latents, labels)
        shared = config.updates == "shared"
        for turn in range(config.discriminator_steps):
            if shared and turn == config.discriminator_steps - 1:
                shown = fakes.detach().requires_grad_()
            else:
                with torch.no_grad():
                    shown = G(self.latents, labels)
            fake_logits = self._learn(shown, penalised)
        if not shared:
            shown = fakes.detach().requires_grad_()
            fake_logits = D(shown, labels)
            if config.loss == "relativistic":
                with torch.no_grad():
                    D(self.reals, labels)
        (gradient,) = torch.autograd.grad(fake_logits.sum(), shown)
        torch.autograd.backward(fakes, gradient)

    def _learn(self, shown: Tensor, penalised: bool) -> Tensor:
        """The discriminator's update; the fakes' logits, whose graph is kept."""
        config, D, labels = self.config, self.D, self.labels
        reals = self.reals.detach().requires_grad_(penalised and config.r1 > 0)
        if penalised and config.r2 > 0:
            shown.requires_grad_()
        real_logits, fake_logits = D(reals, labels), D(shown, labels)
        loss = real_logits.sum() + fake_logits.sum()
        if reals.requires_grad:
            loss = loss + _steepness(real_logits, reals)
        if penalised and config.r2 > 0:
            loss = loss + _steepness(fake_logits, shown)
        if penalised and config.gradient_penalty > 0:
            between = self.reals.detach().requires_grad_()
            loss = loss + _steepness(D(between, labels), between)
        torch.autograd.backward(loss, inputs=list(D.parameters()), retain_graph=True)
        return fake_logits


def _steepness(logits: Tensor, images: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum()


def _size(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
