"""Pictures in a Parquet file, as dataset hubs ship them: a column of encoded files, one of labels.

Another process reads the file, through pyarrow, an extra; here its rows become files.
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

from worker.ingest.archives.members import MAX_BYTES, Member, Notice
from worker.ingest.limits import Meter

DIED = "damaged: its reader was ended by it after {rows:,} rows"
# Plain malloc, which gives back what is freed and reserves nothing.
ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system"}


@dataclass(frozen=True)
class LabelRow:
    """A row of a Parquet without pictures: the path of a picture, and its class."""

    name: str  # of the Parquet
    path: str
    class_name: str | None
    position: int


def parquet_members(path: Path, name: str, meter: Meter) -> Iterator[Member | LabelRow | Notice]:
    """Every picture as a file named like train.parquet[17], or every row of a table of labels;
    then, if that is so, why it ends early."""
    size = path.stat().st_size
    with subprocess.Popen(
        [sys.executable, "-m", "worker.ingest.archives.parquet_rows", str(path)],
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
) -> Generator[Member | LabelRow | Notice, None, str | None]:
    read = rows = 0
    while (line := out.readline()).endswith(b"\n"):
        said = json.loads(line)
        if "end" in said:
            end: str | None = said["end"]
            return end
        position = min(read, file_size)  # pictures are hardly packed a second time
        if "note" in said:
            yield Notice(f"{name}: {said['note']}.")
            continue
        rows = said["row"] + 1
        if "file" in said:
            meter.tick()
            yield LabelRow(name, said["file"], said["label"], position)
            continue
        size = said["size"]
        data = out.read(size) if size <= MAX_BYTES else b""
        if len(data) < size <= MAX_BYTES:
            break
        meter.add(size)
        read += size
        yield Member(
            f"{name}[{said['row']}]{said['inside']}",
            size,
            position,
            None if said["refusal"] else io.BytesIO(data),
            said["refusal"],
            label=said["label"],
            is_labelled=said["is_labelled"],
        )
    return DIED.format(rows=rows)
