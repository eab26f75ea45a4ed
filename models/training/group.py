"""The processes that train one model together, each on its own rows of every batch.

torchrun starts them; a single process is a group of one. Gradients and BatchNorm statistics are
means over the whole batch, so a group trains as a single process does.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Group:
    """The rank of this process among `size` processes."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> "Group":
        """Join the group that torchrun describes in the environment."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
            dist.init_process_group("nccl")
        else:
            dist.init_process_group("gloo")
        return cls(dist.get_rank(), size)

    def leave(self) -> None:
        if self.size > 1:
            dist.destroy_process_group()

    def own_rows(self, rows: Tensor) -> Tensor:
        """The rows of a batch that belong to this process."""
        count = len(rows) // self.size
        return rows[self.rank * count : (self.rank + 1) * count]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the group, in place."""
        if self.size == 1:
            return
        averaged = list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in averaged])
        dist.all_reduce(flat)
        flat /= self.size
        means = flat.split([tensor.numel() for tensor in averaged])
        for tensor, mean in zip(averaged, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Whether `flag` is True in any process of the group; waits for all of them."""
        if self.size == 1:
            return flag
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        shared = torch.tensor(int(flag), device=device)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return bool(shared.item())
