"""Adam gives the numbers of torch's own, and goes on from its state."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.adam import Adam

BETA1 = 0.5
RATES = [(2e-4, 0.999), (2e-4, 0.999), (1e-4, 0.9), (1e-4, 0.99)]  # learning rate and β2 of a step


def network() -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 3), nn.Linear(2, 2))
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # not in its stubs
    return made


def set_gradients(network: nn.Sequential, step: int) -> None:
    """The last layer has none in the first step."""
    random = torch.Generator().manual_seed(step)
    for name, parameter in network.named_parameters():
        if step > 0 or not name.startswith("3."):
            gradient = torch.empty_like(parameter, requires_grad=False)
            parameter.grad = gradient.normal_(generator=random)


def train(network: nn.Sequential, ours: Adam, steps: range) -> None:
    for step in steps:
        set_gradients(network, step)
        ours.learning_rate, ours.beta2 = RATES[step]
        ours.step()
        ours.zero_grad()


def weights(network: nn.Sequential) -> dict[str, Tensor]:
    return copy.deepcopy(network.state_dict())


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(tensor, second[name]) for name, tensor in first.items()
    )


def test_it_is_bit_for_bit_the_fused_one_of_torch() -> None:
    ours, theirs = network(), network()
    optimizer = Adam(ours.parameters(), 2e-4, BETA1)
    train(ours, optimizer, range(4))

    reference = torch.optim.Adam(theirs.parameters(), 2e-4, (BETA1, 0.999), fused=True)
    (group,) = reference.param_groups
    for step, (learning_rate, beta2) in enumerate(RATES):
        set_gradients(theirs, step)
        group["lr"], group["betas"] = learning_rate, (BETA1, beta2)
        reference.step()
        reference.zero_grad()

    assert same(ours.state_dict(), theirs.state_dict())
    state: dict[int, dict[str, Any]] = reference.state_dict()["state"]
    expected = {f"{index}.{name}": state[index][name] for index in state for name in state[index]}
    assert same(optimizer.state(), expected)


def test_it_goes_on_from_its_state() -> None:
    whole, halved = network(), network()
    train(whole, Adam(whole.parameters(), 2e-4, BETA1), range(4))

    first = Adam(halved.parameters(), 2e-4, BETA1)
    assert first.state() == {}
    train(halved, first, range(2))
    # A file has tensors of its own, without the strides of the parameters.
    saved = {name: tensor.clone().contiguous() for name, tensor in first.state().items()}
    second = Adam(halved.parameters(), 2e-4, BETA1)
    second.restore(saved)
    train(halved, second, range(2, 4))
    assert same(weights(whole), weights(halved))


@pytest.mark.parametrize(
    "state",
    [
        {"99.step": torch.tensor(1.0)},
        {"0.momentum": torch.tensor(1.0)},
        {"0.exp_avg": torch.zeros(3, 5)},
        {"first.step": torch.tensor(1.0)},
    ],
)
def test_the_state_of_other_parameters_is_refused(state: dict[str, Tensor]) -> None:
    with pytest.raises((IndexError, KeyError, RuntimeError, ValueError)):
        Adam(network().parameters(), 2e-4).restore(state)
