"""BatchNorm over the joint batch of a group of processes, on any device."""

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class SynchronisedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """nn.BatchNorm with the mean and variance of the group; nn.SyncBatchNorm needs a GPU."""

    def _check_input_dim(self, _: Tensor) -> None:
        """Accept every shape (B, C, …)."""

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return super().forward(inputs)
        values = inputs.float()
        dims = [0, *range(2, values.ndim)]
        shape = [1, -1, *[1] * (values.ndim - 2)]
        mean = all_reduce(values.mean(dims)) / dist.get_world_size()
        centred = values - mean.view(shape)
        variance = all_reduce(centred.square().mean(dims)) / dist.get_world_size()
        count = values.numel() // values.shape[1]
        self._update_running_statistics(mean.detach(), variance.detach(), count)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normed: Tensor = centred * scale.view(shape) + self.bias.view(shape)
        return normed.to(inputs.dtype)

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update as BatchNorm does, with the unbiased variance."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        count *= dist.get_world_size()
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)


def synchronise(network: nn.Module) -> None:
    """Replace every BatchNorm of `network` by a synchronised one with the same values."""
    for name, module in network.named_children():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            replacement = SynchronisedBatchNorm(
                module.num_features, eps=module.eps, momentum=module.momentum
            )
            replacement.load_state_dict(module.state_dict())
            replacement.to(module.weight.device)
            network.add_module(name, replacement)
        else:
            synchronise(module)
