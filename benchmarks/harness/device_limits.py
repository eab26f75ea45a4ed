"""The highest rates of a device, measured: matrix products and memory copies."""

import time
from collections.abc import Callable
from typing import Any

import torch

from models.precision import native_bfloat16

SECONDS = 1.0
SIDE = {"cpu": 2048, "cuda": 8192}  # of the matrices
COPIED_BYTES = {"cpu": 2**28, "cuda": 2**32}


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 if the device multiplies it in hardware, else float32, as the trainer chooses."""
    return torch.bfloat16 if native_bfloat16(device) else torch.float32


def product_rate(device: torch.device) -> float:
    """Operations per second of consecutive large square matrix products."""
    side = SIDE[device.type]
    a, b = (torch.randn(side, side, device=device).to(fast_dtype(device)) for _ in range(2))
    out = torch.empty_like(a)
    return 2 * side**3 * _per_second(lambda: torch.mm(a, b, out=out), device)


def copy_rate(device: torch.device) -> float:
    """Bytes read and written per second by consecutive large copies."""
    source = torch.ones(COPIED_BYTES[device.type] // 4, device=device)
    target = torch.empty_like(source)
    return 2 * COPIED_BYTES[device.type] * _per_second(lambda: target.copy_(source), device)


def settle(device: torch.device) -> None:
    """Wait until the device has finished its queued work."""
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
