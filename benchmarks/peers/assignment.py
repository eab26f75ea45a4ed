"""The assignment of a peer's server, passed in an environment variable. Standard library only."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

VARIABLE = "MOGGY_PEER"


@dataclass(frozen=True)
class Setting:
    """The setting of a peer, in common terms.

    `servers` processes answer HTTP. `workers` processes generate, each with `threads` threads of
    torch, at most `batch` images at once; an incomplete batch waits `wait_ms`. `generator` and
    `encoder` name entries of `benchmarks.peers.images`.
    """

    workers: int = 1
    threads: int = 1
    servers: int = 1
    batch: int = 1
    wait_ms: int = 0
    generator: str = "frozen"
    encoder: str = "service"

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items())


@dataclass(frozen=True)
class Assignment:
    """The port to listen on, the checkpoint's safetensors to serve, the service's recipe of some
    seed, and the setting."""

    port: int
    file: str
    recipe: Mapping[str, Any]
    setting: Setting

    def environment(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def read(cls) -> Self:
        """The assignment of this process."""
        fields = json.loads(os.environ[VARIABLE])
        return cls(**fields | {"setting": Setting(**fields["setting"])})
