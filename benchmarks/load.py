"""Load on an HTTP service: `wrk` where it is installed, else a small client of our own."""

import asyncio
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# Paths that differ by a number, so that no two requests ask for the same.
WRK_SCRIPT = """
number = 0
request = function()
  number = number + 1
  return wrk.format("GET", "%(before)s" .. number .. "%(after)s", %(headers)s)
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT [%%d, %%d, %%d, %%d, %%d]\\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    """What came of it; times are seconds."""

    client: str
    rate: float
    errors: int
    median: float
    p99: float


def load(
    port: int,
    before: str,
    after: str,
    *,
    connections: int,
    seconds: int,
    headers: dict[str, str] | None = None,
) -> Load:
    """GET before1after, before2after, … on 127.0.0.1, by so many keep-alive connections."""
    if shutil.which("wrk"):
        return _wrk(port, before, after, connections, seconds, headers or {})
    return asyncio.run(_own(port, before, after, connections, seconds, headers or {}))


def _wrk(
    port: int, before: str, after: str, connections: int, seconds: int, headers: dict[str, str]
) -> Load:
    fields = ", ".join(f"[{json.dumps(name)}] = {json.dumps(headers[name])}" for name in headers)
    script = WRK_SCRIPT % {"before": before, "after": after, "headers": f"{{{fields}}}"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.lua"
        path.write_text(script)
        output = subprocess.run(
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s"),
                *("-s", str(path), f"http://127.0.0.1:{port}"),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    requests, took, errors, median, p99 = json.loads(line.removeprefix("RESULT"))
    return Load("wrk", requests / took * 1e6, errors, median / 1e6, p99 / 1e6)


async def _own(
    port: int, before: str, after: str, connections: int, seconds: int, headers: dict[str, str]
) -> Load:
    numbers = itertools.count(1)
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    latencies: list[float] = []
    errors = 0
    started = time.perf_counter()

    async def connection() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - started < seconds:
            asked = time.perf_counter()
            path = f"{before}{next(numbers)}{after}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            errors += head.split(None, 2)[1] >= b"400"
            latencies.append(time.perf_counter() - asked)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    took = time.perf_counter() - started
    latencies.sort()
    median, p99 = (latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
    return Load("own client", len(latencies) / took, errors, median, p99)
