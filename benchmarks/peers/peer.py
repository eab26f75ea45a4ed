"""The peers: how each is started and requested, and its settings.

The settings are those that a user of the tool might choose for the highest speed with two cores, 32
clients and this kind of work. The fastest counts. LitServe is measured twice: as its user would
write it, with PyTorch's own generator and Pillow's PNG, and with a frozen generator and the
service's encoder, as the other peers.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.harness import machine
from benchmarks.harness.request import NUMBER, Request
from benchmarks.peers.assignment import Setting

FOLDER = Path(__file__).parent
CORES = machine.cores()


@dataclass(frozen=True)
class Peer:
    """A tool that serves models; `command` makes its command line from its bin folder and port."""

    name: str
    requirements: Path | None  # None: it runs in the project's environment
    command: Callable[[Path, int], list[str]]
    ready: str
    request: Request
    png_of: Callable[[bytes], bytes]  # the PNG in an answer
    settings: tuple[Setting, ...]
    wanted: float | None = None  # the service's rate as a multiple of this peer's
    variant: str = "our encoder"

    @property
    def title(self) -> str:
        """The name, with the version if it is pinned, and the variant."""
        lines = self.requirements.read_text().splitlines() if self.requirements else []
        versions = [line.partition("==")[2] for line in lines if line.startswith(f"{self.name}==")]
        return f"{' '.join([self.name, *versions])}, {self.variant}"


def _litserve(programs: Path, port: int) -> list[str]:  # noqa: ARG001
    return [str(programs / "python"), "-m", "benchmarks.peers.litserve_server"]


def _bentoml(programs: Path, port: int) -> list[str]:
    serve = [str(programs / "python"), "-m", "bentoml", "serve"]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    return [*serve, "benchmarks.peers.bentoml_service:Images", *address]


def _fastapi(programs: Path, port: int) -> list[str]:
    serve = [str(programs / "python"), "-m", "uvicorn", "--factory", "--no-access-log"]
    return [*serve, "--port", str(port), "benchmarks.peers.fastapi_handler:create_app"]


def _first_of_list(body: bytes) -> bytes:
    return base64.b64decode(json.loads(body)[0])


LITSERVE = Peer(
    name="litserve",
    requirements=FOLDER / "litserve.txt",
    command=_litserve,
    ready="/health",
    request=Request("/predict", body=f'{{"seed": {NUMBER}}}'),
    png_of=bytes,
    settings=(
        Setting(workers=1, servers=1, batch=8, wait_ms=0),
        Setting(workers=1, servers=1, batch=16, wait_ms=5),
        Setting(workers=1, servers=CORES, batch=16, wait_ms=5),
        Setting(workers=CORES, servers=CORES, batch=16, wait_ms=5),
    ),
    wanted=2.7,
)
OWN_SETTINGS = [replace(setting, encoder="pillow") for setting in LITSERVE.settings]

PEERS = (
    replace(
        LITSERVE,
        settings=(
            *(replace(setting, generator="eager") for setting in OWN_SETTINGS),
            # Last, since compiling needs a C++ compiler on the machine.
            replace(OWN_SETTINGS[-1], generator="compiled"),
        ),
        wanted=4.5,
        variant="user's code",
    ),
    LITSERVE,
    Peer(
        name="bentoml",
        requirements=FOLDER / "bentoml.txt",
        command=_bentoml,
        ready="/readyz",
        request=Request("/images", body=f'{{"seeds": [{NUMBER}]}}'),
        png_of=_first_of_list,
        settings=(
            Setting(workers=1, threads=CORES, batch=32, wait_ms=1000),
            Setting(workers=CORES, batch=8, wait_ms=1000),
            Setting(workers=CORES, batch=16, wait_ms=1000),
            Setting(workers=CORES, batch=32, wait_ms=1000),
        ),
    ),
    Peer(
        name="fastapi",
        requirements=None,
        command=_fastapi,
        ready="/health",
        request=Request(f"/images/{NUMBER}.png"),
        png_of=bytes,
        settings=(Setting(threads=1), Setting(threads=CORES)),
    ),
)
