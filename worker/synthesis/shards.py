"""Files that hold many pictures: a zip, a tar or a Parquet, of the same bytes at every making."""

from pathlib import Path
from typing import ClassVar, Protocol

from app.domain.images.checkpoint import ServedCheckpoint
from worker.synthesis.images import Picture
from worker.synthesis.parquet import ParquetShard
from worker.synthesis.tars import TarShard
from worker.synthesis.zips import FolderShard, ZipShard


class Shard(Protocol):
    """One file while it is written."""

    suffix: ClassVar[str]

    def __init__(self, path: Path, checkpoint: ServedCheckpoint, image_format: str) -> None: ...

    def add(self, picture: Picture, data: bytes) -> str:
        """Write the picture's file; its name within the shard."""

    def close(self) -> None:
        """Write what ends the file."""


SHARDS: dict[str, type[Shard]] = {
    "zip": ZipShard,
    "imagefolder": FolderShard,
    "webdataset": TarShard,
    "parquet": ParquetShard,
}
