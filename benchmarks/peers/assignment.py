"""What a peer's server is told when it starts. Standard library only."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

VARIABLE = "MOGGY_PEER"


@dataclass(frozen=True)
class Setting:
    """How a peer is run; each has its own words for these.

    `servers` answer HTTP, `workers` generate, each with `threads` of torch, at most `batch` images
    at once, for which it waits `wait_ms`.
    """

    workers: int = 1
    threads: int = 1
    servers: int = 1
    batch: int = 1
    wait_ms: int = 0

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items())


@dataclass(frozen=True)
class Assignment:
    """Where to listen, which pictures to make, and how."""

    port: int
    checkpoint: Mapping[str, Any]  # the fields of a ServedCheckpoint
    file: str
    setting: Setting

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def read(cls) -> Self:
        """What this process was told."""
        fields = json.loads(os.environ[VARIABLE])
        return cls(**fields | {"setting": Setting(**fields["setting"])})
