"""The processes that train one model together, each on its part of every batch.

Started by torchrun; a process by itself is a group of one. Gradients and BatchNorm's statistics
are means over the whole batch, so that the run is the one a single process would do.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Group:
    """This process's place among `size`."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> "Group":
        """The group that torchrun's environment names."""
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

    def part(self, rows: Tensor) -> Tensor:
        """This process's rows of a batch."""
        share = len(rows) // self.size
        return rows[self.rank * share : (self.rank + 1) * share]

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Make each tensor its mean over the group, in place."""
        if self.size == 1:
            return
        together = list(tensors)
        flat = torch.cat([one.flatten() for one in together])
        dist.all_reduce(flat)
        flat /= self.size
        for one, mean in zip(together, flat.split([one.numel() for one in together]), strict=True):
            one.copy_(mean.view_as(one))

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process of the group; a wait for all of them."""
        if self.size == 1:
            return flag
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        shared = torch.tensor(int(flag), device=device)
        dist.all_reduce(shared, dist.ReduceOp.MAX)
        return bool(shared.item())
