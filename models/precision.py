"""What the machine can do: device, number format and threads, by its capabilities alone."""

from dataclasses import dataclass

import torch

from models.resources import keep_freed_memory, usable_cores


@dataclass(frozen=True)
class Machine:
    """Where and how a run computes. `cores` tells whether a later machine is of the same kind."""

    device: torch.device
    precision: str  # "float32" or "bfloat16"
    threads: int
    cores: int

    def autocast(self) -> torch.autocast:
        """bfloat16 for convolutions where chosen; weights and losses stay float32."""
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def prepare(self) -> None:
        """Set this process up to compute so; once, before the first allocation that matters."""
        torch.set_num_threads(self.threads)
        keep_freed_memory()
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32; cuDNN's convolutions have it already
            torch.backends.cudnn.benchmark = True  # the shapes of a run never change


def native_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; emulated it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def choose_machine(precision: str = "auto", previous: Machine | None = None) -> Machine:
    """The machine at hand, for a configuration's `precision`; CUDA where there is a device.

    A run that goes on (`previous`) keeps its number format and threads wherever this machine can:
    only so are its numbers the same bit for bit.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cores = usable_cores()
    threads = min(torch.get_num_threads(), cores)  # torch does not see a container's limit
    native = native_bfloat16(device)
    chosen = precision
    if precision == "auto":
        chosen = "bfloat16" if native else "float32"
    if previous is not None and (native or previous.precision == "float32"):
        chosen = previous.precision
    if previous is not None and previous.device == device and previous.cores == cores:
        threads = previous.threads
    return Machine(device, chosen, threads, cores)
