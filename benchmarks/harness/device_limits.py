"""What the machine can do at best: its measured rates at matrix products and at copying."""

import time
from collections.abc import Callable
from typing import Any

import torch

from models.precision import native_bfloat16

SECONDS = 1.0
SIDE = {"cpu": 2048, "cuda": 8192}  # of the matrices
COPIED_BYTES = {"cpu": 2**28, "cuda": 2**32}


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the machine multiplies it in hardware, as the trainer chooses."""
    return torch.bfloat16 if native_bfloat16(device) else torch.float32


def product_rate(device: torch.device) -> float:
    """Operations per second of one large square matrix product after another."""
    side = SIDE[device.type]
    a, b = (torch.randn(side, side, device=device).to(fast_dtype(device)) for _ in range(2))
    out = torch.empty_like(a)
    return 2 * side**3 * _per_second(lambda: torch.mm(a, b, out=out), device)


def copy_rate(device: torch.device) -> float:
    """Bytes per second, read and written, of one large copy after another."""
    source = torch.ones(COPIED_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    return 2 * COPIED_BYTES[device.type] * _per_second(lambda: target.copy_(source), device)


def settle(device: torch.device) -> None:
    """Wait for what the device has not yet done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def _per_second(work: Callable[[], Any], device: torch.device) -> float:
    for _ in range(3):
        work()
    settle(device)
    began, times = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        for _ in range(10):
            work()
        settle(device)
        times += 10
    return times / (time.perf_counter() - began)
