"""Shards: files that hold many images. Writing the same images again gives the same bytes."""

import json
import re
import tarfile
import unicodedata
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from app.domain.images.checkpoint import GeneratorCheckpoint
from app.domain.images.encoders import ZIP_EPOCH
from app.domain.images.recipes import recipe_text
from worker.synthesis.images import EncodedImage
from worker.synthesis.request import NoWriter

if TYPE_CHECKING:
    import pyarrow as pa

# A class name that matches is not used as a folder name: on some system it would be invalid, or
# name another folder.
UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]|^\.{0,2}$|[. ]$')
# Windows takes these names for devices, whatever follows the first dot.
RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE
)
MAX_NAME_BYTES = 200

# The bytes that tarfile writes around name, size and checksum (POSIX.1-1988, ustar).
_EMPTY = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
OWNER, TIME, SPACES, REST = _EMPTY[100:124], _EMPTY[136:148], b" " * 8, _EMPTY[156:]

GROUP_ROWS = 128  # of a row group, which is buffered until it is written, and is read as a whole
# Encoded images cannot be compressed further.
COMPRESSION = {"image.bytes": "none", "image.path": "zstd", "label": "zstd", "recipe": "zstd"}


class Shard(Protocol):
    """One file that is being written."""

    suffix: ClassVar[str]

    def __init__(self, path: Path, checkpoint: GeneratorCheckpoint, image_format: str) -> None: ...

    def add(self, image: EncodedImage, data: bytes) -> str:
        """Write the image's file and return its name within the shard."""

    def close(self) -> None:
        """Write the end of the file."""


class ZipShard:
    """SEED.png for each image."""

    suffix: ClassVar[str] = "zip"

    def __init__(self, path: Path, _checkpoint: GeneratorCheckpoint, image_format: str) -> None:
        self._format = image_format
        # Not compressed: encoded images do not get smaller.
        self._archive = zipfile.ZipFile(path, "x", zipfile.ZIP_STORED)

    def add(self, image: EncodedImage, data: bytes) -> str:
        name = f"{self._folder(image.label)}{image.seed}.{self._format}"
        self._archive.writestr(zipfile.ZipInfo(name, ZIP_EPOCH), data)
        return name

    def close(self) -> None:
        self._archive.close()

    def _folder(self, _label: int | None) -> str:
        return ""


class FolderShard(ZipShard):
    """CLASS/SEED.png: all shards unpacked into one folder are a torchvision ImageFolder.

    Without classes there is one folder, named after the model.
    """

    def __init__(self, path: Path, checkpoint: GeneratorCheckpoint, image_format: str) -> None:
        super().__init__(path, checkpoint, image_format)
        self._folders = folder_names(checkpoint.classes or (checkpoint.model,))

    def _folder(self, label: int | None) -> str:
        return f"{self._folders[label or 0]}/"


def folder_names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """A folder name for each class, all different on every file system.

    It is the class's name, or `class-N` by its index where the name is not valid or taken.
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for label, name in enumerate(classes):
        if _is_folder_name(name) and _case_folded(name) not in taken:
            names[label] = name
            taken.add(_case_folded(name))
    for label in range(len(classes)):
        if label not in names:
            names[label] = f"class-{label}"
            while names[label] in taken:  # a class has that name
                names[label] += "_"
            taken.add(names[label])
    return tuple(names[label] for label in range(len(classes)))


def _is_folder_name(name: str) -> bool:
    if UNSAFE.search(name) or RESERVED.match(name):
        return False
    return len(name.encode()) <= MAX_NAME_BYTES


def _case_folded(name: str) -> str:
    """A key that is equal for names that are the same folder on macOS or Windows."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


class TarShard:
    """A WebDataset: the files of a sample stand together and share a name.

    SEED.png, for a conditional model SEED.cls with the index of the class, and SEED.json with the
    recipe.
    """

    suffix: ClassVar[str] = "tar"

    def __init__(self, path: Path, _checkpoint: GeneratorCheckpoint, image_format: str) -> None:
        self._format = image_format
        self._file = path.open("xb")

    def add(self, image: EncodedImage, data: bytes) -> str:
        name = f"{image.seed}.{self._format}"
        self._write(name, data)
        if image.label is not None:
            self._write(f"{image.seed}.cls", str(image.label).encode())
        self._write(f"{image.seed}.json", recipe_text(image.recipe).encode())
        return name

    def close(self) -> None:
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))  # the end mark
        self._file.write(bytes(-self._file.tell() % tarfile.RECORDSIZE))
        self._file.close()

    def _write(self, name: str, data: bytes) -> None:
        """Write one member. A TarFile would copy each header and keep all of them in memory."""
        padding = bytes(-len(data) % tarfile.BLOCKSIZE)
        self._file.write(b"".join((tar_header(name, len(data)), data, padding)))


def tar_header(name: str, size: int) -> bytes:
    """The header of a member; `name` is ASCII and has at most 100 characters.

    These are tarfile's bytes in a fifth of tarfile's time; an image has two or three headers.
    """
    header = b"".join(
        (name.encode("ascii").ljust(100, b"\0"), OWNER, b"%011o\0" % size, TIME, SPACES, REST)
    )
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


class ParquetShard:
    """Columns `image` {bytes, path}, for a conditional model `label`, and `recipe`."""

    suffix: ClassVar[str] = "parquet"

    def __init__(self, path: Path, checkpoint: GeneratorCheckpoint, image_format: str) -> None:
        try:
            from pyarrow.parquet import ParquetWriter
        except ImportError as exc:
            raise NoWriter(
                "layout parquet needs an extra that is not installed on this worker: run "
                'pip install "moggy[parquet]" there, or choose another layout'
            ) from exc
        self._format = image_format
        self._schema = _schema(checkpoint.classes)
        columns = {"label", "recipe"} & set(self._schema.names)
        self._writer = ParquetWriter(
            path,
            self._schema,
            compression={
                name: codec
                for name, codec in COMPRESSION.items()
                if name in columns or name.startswith("image.")
            },
            use_dictionary=False,
            write_statistics=False,  # they would repeat the first bytes of images
        )
        self._rows: list[dict[str, Any]] = []

    def add(self, image: EncodedImage, data: bytes) -> str:
        name = f"{image.seed}.{self._format}"
        row: dict[str, Any] = {"image": {"bytes": data, "path": name}}
        if image.label is not None:
            row["label"] = image.label
        self._rows.append(row | {"recipe": recipe_text(image.recipe)})
        if len(self._rows) == GROUP_ROWS:
            self._write()
        return name

    def close(self) -> None:
        if self._rows:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []


def _schema(classes: tuple[str, ...]) -> "pa.Schema":
    """The columns, with the metadata that Hugging Face's `datasets` reads."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [("image", image), ("recipe", pa.string())]
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if classes:
        fields.insert(1, ("label", pa.int64()))
        features["label"] = {"names": list(classes), "_type": "ClassLabel"}
    features["recipe"] = {"dtype": "string", "_type": "Value"}
    metadata = json.dumps({"info": {"features": features}})
    return pa.schema(fields, {"huggingface": metadata})


SHARDS: dict[str, type[Shard]] = {
    "zip": ZipShard,
    "imagefolder": FolderShard,
    "webdataset": TarShard,
    "parquet": ParquetShard,
}
