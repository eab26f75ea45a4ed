"""Adam (Kingma and Ba, arXiv 1412.6980) without torch's compiler.

The first `torch.optim.Optimizer` of a process imports the compiler, which takes seconds of
processor time before a training begins. The function that it calls does not.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.optim.adam import adam

EPSILON = 1e-8


class Adam:
    """Changes parameters in place by their gradients, bit for bit like `torch.optim.Adam` with
    `fused=True`. The rates may be changed between two steps.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        learning_rate: float,
        beta1: float = 0.9,
        beta2: float = 0.999,
    ) -> None:
        self.parameters = list(parameters)
        self.learning_rate = learning_rate
        self.beta1, self.beta2 = beta1, beta2
        # Of each parameter that has had a gradient, by its index: the number of its steps, and the
        # moving averages of its gradient and of the gradient's square.
        self._moments: dict[int, dict[str, Tensor]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradients of the parameters that have one."""
        changed = [
            (parameter, parameter.grad, self._moments_of(index))
            for index, parameter in enumerate(self.parameters)
            if parameter.grad is not None
        ]
        if not changed:
            return
        parameters, gradients, moments = map(list, zip(*changed, strict=True))
        adam(
            parameters,
            gradients,
            [of["exp_avg"] for of in moments],
            [of["exp_avg_sq"] for of in moments],
            [],
            [of["step"] for of in moments],
            fused=True,
            capturable=parameters[0].is_cuda,  # a CUDA graph can contain the update
            amsgrad=False,
            beta1=self.beta1,
            beta2=self.beta2,
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Return the step counts and moving averages by names such as `0.exp_avg`, without copying
        them."""
        return {
            f"{index}.{name}": tensor
            for index, moments in self._moments.items()
            for name, tensor in moments.items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the moving averages from `state`. Raises IndexError, KeyError, RuntimeError or
        ValueError if the state is that of other parameters.
        """
        self._moments = {}
        for name, tensor in state.items():
            index, _, key = name.partition(".")
            self._moments_of(int(index))[key].copy_(tensor)

    def _moments_of(self, index: int) -> dict[str, Tensor]:
        if index not in self._moments:
            parameter = self.parameters[index]
            self._moments[index] = {
                "step": torch.zeros((), device=parameter.device),
                # With the strides of the parameter, as the fused update reads raw memory.
                "exp_avg": torch.zeros_like(parameter, requires_grad=False),
                "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
            }
        return self._moments[index]
