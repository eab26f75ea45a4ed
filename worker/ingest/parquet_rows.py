"""The process that reads one Parquet file: `python -m worker.ingest.parquet_rows PATH`.

A damaged file makes pyarrow abort, or ask for any amount of memory: neither is to end an ingest.
Prints for every row a line of JSON {size, label} and, unless it is too large, that many bytes of
its picture; last {end: null}, or {end: why the rest is not read}.
"""

import json
import resource
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from models.child import end_with_supervisor
from worker.ingest.errors import Rejected
from worker.ingest.members import MAX_BYTES
from worker.ingest.names import shown

if TYPE_CHECKING:
    from pyarrow import DataType, Schema
    from pyarrow.parquet import ParquetFile

MAX_MEMORY_BYTES = 2 << 30  # address space
BATCH_BYTES = 64 << 20
BATCH_ROWS = 64
BUFFER_BYTES = 1 << 20
PICTURE_NAMES = ("image", "img", "picture", "images")
LABEL_NAMES = ("label", "labels", "class", "target", "y")
MISSING = 'not installed: Parquet is read by an extra: pip install "moggy[parquet]"'


@dataclass(frozen=True)
class _Columns:
    picture: str
    is_struct: bool
    label: str | None
    class_names: tuple[str, ...]

    def class_of(self, label: Any) -> str | None:
        """The name of a class, its number where it has none; hubs write -1 for unknown."""
        if label is None or (isinstance(label, int) and label < 0):
            return None
        if isinstance(label, int) and label < len(self.class_names):
            return self.class_names[label]
        return str(label)


def write_rows(path: Path, out: BinaryIO) -> None:
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile
    except ImportError:
        _write(out, {"end": MISSING})
        return
    end, written = None, 0
    try:
        with ParquetFile(path, buffer_size=BUFFER_BYTES) as file:
            columns = _find_columns(file.schema_arrow)
            for picture, label in _rows(file, columns):
                data = picture or b""
                _write(out, {"size": len(data), "label": columns.class_of(label)})
                if len(data) <= MAX_BYTES:
                    out.write(data)
                written += 1
    except Rejected as rejected:
        end = str(rejected)
    except MemoryError:
        end = f"too large: after {written:,} rows; write it with smaller row groups and pages"
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        end = f"damaged: after {written:,} rows: {str(error).partition(chr(10))[0]}"
    _write(out, {"end": end})


def _write(out: BinaryIO, line: dict[str, Any]) -> None:
    out.write(json.dumps(line).encode() + b"\n")


def _rows(file: "ParquetFile", columns: _Columns) -> Iterator[tuple[bytes | None, Any]]:
    wanted = [columns.picture, *([columns.label] if columns.label else [])]
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        chunks = [group.column(place) for place in range(group.num_columns)]
        chunk = max((one.total_uncompressed_size for one in chunks), default=0)
        # No value is larger than all of them together.
        rows = min(BATCH_ROWS, max(1, BATCH_BYTES // max(1, chunk)))
        for batch in file.iter_batches(rows, [number], wanted, use_threads=False):
            pictures = batch.column(columns.picture)
            if columns.is_struct:
                pictures = pictures.flatten()[pictures.type.get_field_index("bytes")]
            labels = batch.column(columns.label).to_pylist() if columns.label else None
            for place, picture in enumerate(pictures):
                yield picture.as_py(), labels[place] if labels else None


def _find_columns(schema: "Schema") -> _Columns:
    features = _features(schema)
    held = {name: _holds_pictures(schema.field(name).type) for name in schema.names}
    pictures = [name for name in held if held[name]]
    if not pictures:
        raise Rejected(
            "not pictures: no column of this Parquet holds encoded pictures, as binary or as a "
            f"struct with bytes; its columns are {', '.join(schema.names)[:200]}"
        )
    picture = _preferred(pictures, PICTURE_NAMES) or pictures[0]
    classes = [name for name in schema.names if features.get(name, {}).get("_type") == "ClassLabel"]
    label = _preferred(classes, LABEL_NAMES) or next(iter(classes), None)
    if label is None:
        numbers = [name for name in schema.names if _is_number(schema.field(name).type)]
        label = _preferred(numbers, LABEL_NAMES)
    names = features.get(label or "", {}).get("names") or []
    class_names = tuple(shown(str(one)) for one in names)
    return _Columns(picture, held[picture] == "struct", label, class_names)


def _preferred(names: list[str], known: tuple[str, ...]) -> str | None:
    return next((name for name in known if name in names), None)


def _features(schema: "Schema") -> dict[str, Mapping[str, Any]]:
    """What the hub says of each column; nothing where it is not what hubs write."""
    try:
        described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = described["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    if not isinstance(features, dict):
        return {}
    return {
        name: feature
        for name, feature in features.items()
        if isinstance(feature, dict) and isinstance(feature.get("names", []), list)
    }


def _holds_pictures(kind: "DataType") -> str | None:
    """binary, struct or None."""
    from pyarrow import types

    if types.is_binary(kind) or types.is_large_binary(kind):
        return "binary"
    if types.is_struct(kind):
        place = kind.get_field_index("bytes")
        if place >= 0 and _holds_pictures(kind.field(place).type) == "binary":
            return "struct"
    return None


def _is_number(kind: "DataType") -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind))


def main() -> None:
    end_with_supervisor()
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    with sys.stdout.buffer as out:
        write_rows(Path(sys.argv[1]), out)


if __name__ == "__main__":
    main()
