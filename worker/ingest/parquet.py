"""Pictures in a Parquet file, as dataset hubs ship them: a column of encoded files, one of labels.

Another process reads the file, through pyarrow, an extra; here its rows become files.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

from worker.ingest.members import MAX_BYTES, Member
from worker.ingest.meter import Meter

DIED = "damaged: its reader was ended by it after {rows:,} rows"
# Plain malloc, which gives back what is freed and reserves nothing.
ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system"}


def parquet_members(path: Path, name: str, meter: Meter) -> Iterator[Member]:
    """Every row as a file named like train.parquet[17]; then, if that is so, why it ends early."""
    size = path.stat().st_size
    with subprocess.Popen(
        [sys.executable, "-m", "worker.ingest.parquet_rows", str(path)],
        stdin=subprocess.PIPE,  # held, and closed with this process: the reader ends with it
        stdout=subprocess.PIPE,
        env=os.environ | ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        try:
            end = yield from _members(process.stdout, name, size, meter)
        finally:
            process.kill()
    if end is not None:
        yield Member(name, size, size, None, end)


def _members(
    out: IO[bytes], name: str, file_size: int, meter: Meter
) -> Generator[Member, None, str | None]:
    read = row = 0
    while (line := out.readline()).endswith(b"\n"):
        said = json.loads(line)
        if "end" in said:
            end: str | None = said["end"]
            return end
        size, label = said["size"], said["label"]
        data = out.read(size) if size <= MAX_BYTES else b""
        if len(data) < size <= MAX_BYTES:
            break
        meter.add(size)
        read += size
        position = min(read, file_size)  # pictures are hardly packed a second time
        yield Member(f"{name}[{row}]", size, position, io.BytesIO(data), label=label)
        row += 1
    return DIED.format(rows=row)
