"""The least work of a training step: operations and bytes, counted without a device.

The step is taken on meta tensors, and each of its matrix products and convolutions is counted.

Operations per image: 2 for each multiply-add of the products that the step needs. G and D are the
forward passes of one image through each network. A backward pass to weights and input costs 2
forward passes, to one of them 1; the gradient of the first layer's input is never needed:

    shared       3 G + 7 D   D evaluates reals and fakes (2) and learns from both (2 · 2); G's loss
                             goes back through the same pass of the fakes (1)
    apart        4 G + 8 D   D learns from fakes made for it (G), and G from new fakes through the
                             updated D (D): updates "alternating" and "split"
    the example  3 G + 8 D   the same fakes, but through the updated D

Every `penalty_every_steps`-th step adds 3 D for R1 and 3 D for R2 (D's gradient with respect to the
image, and a backward pass through it), and 6 D for a penalty between reals and fakes, which needs a
further pass. A relativistic loss adds 1 D: G's update evaluates the reals again.

Bytes per image: every product reads its operands and writes its result once in bfloat16; all
element-wise work between two products is assumed to be fused. The step, divided by its batch, reads
and writes the weights and both moments of Adam in float32 (24 bytes per parameter), reads the
gradient and writes the weights' bfloat16 copy (4), and updates the generator's average (8).

No implementation of the same computation is faster, except for data that stays in a cache between
two products: little of a large batch, much of a small network's weights.
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


class _ProductCounter(TorchDispatchMode):
    """Counts what matrix products and convolutions compute, read and write.

    FlopCounterMode does not work here: its hooks fail on a leaf passed to autograd.grad.
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
            tensors = [value for value in (*args, *outcome) if isinstance(value, Tensor)]
            elements = sum(tensor.numel() for tensor in tensors)
            self.work += Work(operations, ELEMENT_BYTES * elements)
        return result


def _operations(product: Any, args: tuple[Any, ...], result: Any) -> float | None:
    """The operations of one torch call; None if it is not a product.

    Convolutions have their own formula, because torch's counts the weight gradient of a grouped
    convolution once per group. Forward and in both gradients, each weight is used once at each
    position of the smaller image: the output, or the input if the convolution is transposed.
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
    """The work of `step`, taken on meta tensors."""
    with _ProductCounter() as products:
        step()
    return products.work


def training_work(config: TrainingConfig) -> Work:
    """The work per image of a training with `config`; penalties are averaged over the steps."""
    with torch.device("meta"):
        step = _StepPasses(config)
        work = count(lambda: step.take(penalised=False))
        if config.r1 or config.r2 or config.gradient_penalty:
            share = 1 / config.penalty_every_steps
            penalised = count(lambda: step.take(penalised=True))
            work = work * (1 - share) + penalised * share
    generator, discriminator = (_parameter_count(network) for network in (step.G, step.D))
    state = (ADAM_BYTES + AVERAGE_BYTES) * generator
    state += ADAM_BYTES * discriminator * config.discriminator_steps
    return (work + Work(0, state)) * (1 / (config.batch_size * config.discriminator_steps))


def example_work(width: int) -> Work:
    """The work per image of pytorch/examples' step, without the gradients that it discards."""
    with torch.device("meta"):
        G, D = pytorch_example.generator(width), pytorch_example.discriminator(width)
        latents, reals = torch.empty(1, pytorch_example.LATENT_DIM, 1, 1), torch.empty(1, 3, 64, 64)

    def step() -> None:
        fakes = G(latents)
        logits = D(reals).sum() + D(fakes.detach()).sum()
        torch.autograd.backward(logits, inputs=list(D.parameters()))
        torch.autograd.backward(D(fakes).sum(), inputs=list(G.parameters()))

    return count(step)


class _StepPasses:
    """The passes of a training step, with losses of negligible cost."""

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
        """Update the discriminator; return the logits of the fakes, whose graph is kept."""
        config, D, labels = self.config, self.D, self.labels
        reals = self.reals.detach().requires_grad_(penalised and config.r1 > 0)
        if penalised and config.r2 > 0:
            shown.requires_grad_()
        real_logits, fake_logits = D(reals, labels), D(shown, labels)
        loss = real_logits.sum() + fake_logits.sum()
        if reals.requires_grad:
            loss = loss + _squared_gradient_norm(real_logits, reals)
        if penalised and config.r2 > 0:
            loss = loss + _squared_gradient_norm(fake_logits, shown)
        if penalised and config.gradient_penalty > 0:
            between = self.reals.detach().requires_grad_()
            loss = loss + _squared_gradient_norm(D(between, labels), between)
        torch.autograd.backward(loss, inputs=list(D.parameters()), retain_graph=True)
        return fake_logits


def _squared_gradient_norm(logits: Tensor, images: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum()


def _parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
