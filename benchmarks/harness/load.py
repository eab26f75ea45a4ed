"""A closed-loop load on an HTTP service: by `wrk` if it is installed, else by a small client."""

import asyncio
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.request import NUMBER, Request

WRK_SCRIPT = """
number = 0
function fill(parts)
  return table.concat(parts, string.format("%%d", number))
end
request = function()
  number = number + 1
  local body = fill(%(body)s)
  return wrk.format(%(method)s, fill(%(path)s), %(headers)s, body ~= "" and body or nil)
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
    """The result of a load; times are in seconds."""

    client: str
    requests: int
    rate: float
    errors: int
    median: float
    p99: float

    def __str__(self) -> str:
        return f"{self.rate:,.0f}/s, p99 {self.p99 * 1e3:.0f} ms, {self.errors} errors"


def load(port: int, request: Request, *, connections: int, seconds: int) -> Load:
    """Send requests to 127.0.0.1 over kept connections, each as soon as the last is answered."""
    if shutil.which("wrk"):
        return _wrk(port, request, connections, seconds)
    return asyncio.run(_own(port, request, connections, seconds))


def _wrk(port: int, request: Request, connections: int, seconds: int) -> Load:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.lua"
        path.write_text(wrk_script(request))
        output = subprocess.run(
            [
                *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s"),
                *("-s", str(path), f"http://127.0.0.1:{port}"),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return read_wrk(output)


def wrk_script(request: Request) -> str:
    """A Lua script for `wrk -s`. JSON strings of these requests are also Lua strings."""
    headers = request.all_headers
    fields = ", ".join(f"[{json.dumps(name)}] = {json.dumps(headers[name])}" for name in headers)
    return WRK_SCRIPT % {
        "method": json.dumps(request.method),
        "path": _parts(request.path),
        "headers": f"{{{fields}}}",
        "body": _parts(request.body),
    }


def _parts(text: str) -> str:
    return f"{{{', '.join(json.dumps(part) for part in text.split(NUMBER))}}}"


def read_wrk(output: str) -> Load:
    """Parse the line that the script prints at the end."""
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    requests, took, errors, median, p99 = json.loads(line.removeprefix("RESULT"))
    return Load("wrk", requests, requests / took * 1e6, errors, median / 1e6, p99 / 1e6)


async def _own(port: int, request: Request, connections: int, seconds: int) -> Load:
    numbers = itertools.count(1)
    latencies: list[float] = []
    errors = 0
    started = time.perf_counter()

    async def connection() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - started < seconds:
            sent = time.perf_counter()
            writer.write(request.render(next(numbers)))
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            errors += head.split(None, 2)[1] >= b"400"
            latencies.append(time.perf_counter() - sent)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    took = time.perf_counter() - started
    latencies.sort()
    median, p99 = (latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
    return Load("own client", len(latencies), len(latencies) / took, errors, median, p99)
