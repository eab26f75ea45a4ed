"""The device, number format and threads of a run, chosen by the capabilities of the machine."""

from dataclasses import dataclass

import torch

from models.resources import free_memory, keep_freed_memory, peak_memory, usable_cores


@dataclass(frozen=True)
class Machine:
    """Where and how a run computes. `cores` shows whether a later machine is of the same kind."""

    device: torch.device
    precision: str  # "float32" or "bfloat16"
    threads: int
    cores: int

    def autocast(self) -> torch.autocast:
        """Run layers in bfloat16 where `precision` says so; weights and losses stay float32."""
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def peak_memory(self) -> int:
        """The most bytes that this process has held so far, of the GPU's or the CPU's memory."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_reserved(self.device)
        return peak_memory()

    def free_memory(self) -> int:
        """Bytes of the GPU's or the CPU's memory that this process could allocate now."""
        if self.device.type == "cuda":
            return torch.cuda.mem_get_info(self.device)[0]
        return free_memory()

    def prepare(self) -> None:
        """Configure this process; call it once, before the first large allocation."""
        torch.set_num_threads(self.threads)
        keep_freed_memory()
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32, as cuDNN
            torch.backends.cudnn.benchmark = True  # the shapes of a run never change


def native_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def choose_machine(precision: str = "auto", previous: Machine | None = None) -> Machine:
    """Describe this machine for a configuration's `precision`; CUDA where there is a device.

    A resumed run keeps the number format and the threads of its `previous` machine wherever this
    machine can: its results stay the same bit for bit.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cores = usable_cores()
    threads = min(torch.get_num_threads(), cores)  # torch ignores a container's limit
    native = native_bfloat16(device)
    chosen = precision
    if precision == "auto":
        chosen = "bfloat16" if native else "float32"
    if previous is not None and (native or previous.precision == "float32"):
        chosen = previous.precision
    if previous is not None and previous.device == device and previous.cores == cores:
        threads = previous.threads
    return Machine(device, chosen, threads, cores)
