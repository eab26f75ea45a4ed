"""The images in a Parquet file of a dataset hub: a column of encoded files and one of labels.

A child process reads the file with pyarrow, an extra; its rows become members.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from worker.ingest.archives.members import MAX_BYTES, Member
from worker.ingest.limits import Meter
from worker.ingest.notes import Note

DIED = "damaged: the process that read it died after {rows:,} rows"
# Arrow's pool of plain malloc gives back freed memory and reserves none.
ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system"}


@dataclass(frozen=True)
class LabelRow:
    """A row of a Parquet without images: the path of an image, and its class."""

    name: str  # of the Parquet
    path: str
    class_name: str | None
    position: int


def parquet_members(path: Path, name: str, meter: Meter) -> Iterator[Member | LabelRow | Note]:
    """Every image as a file named like train.parquet[17], or every row of a table of labels.

    A file that cannot be read to its end yields a refused member last, with the reason.
    """
    size = path.stat().st_size
    with subprocess.Popen(
        [sys.executable, "-m", "worker.ingest.archives.parquet_rows", str(path)],
        stdin=subprocess.PIPE,  # closes with this process, which ends the child
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
) -> Generator[Member | LabelRow | Note, None, str | None]:
    read = rows = 0
    while (line := out.readline()).endswith(b"\n"):
        message = json.loads(line)
        if "end" in message:
            end: str | None = message["end"]
            return end
        position = min(read, file_size)  # encoded images hardly shrink in a Parquet
        if "note" in message:
            yield Note(f"{name}: {message['note']}.")
            continue
        rows = message["row"] + 1
        if "file" in message:
            meter.tick()
            yield LabelRow(name, message["file"], message["label"], position)
            continue
        size = message["size"]
        data = out.read(size) if size <= MAX_BYTES else b""
        if len(data) < size <= MAX_BYTES:
            break
        meter.add(size)
        read += size
        yield Member(
            f"{name}[{message['row']}]{message['inside']}",
            size,
            position,
            None if message["refusal"] else io.BytesIO(data),
            message["refusal"],
            label=message["label"],
            is_labelled=message["is_labelled"],
        )
    return DIED.format(rows=rows)
