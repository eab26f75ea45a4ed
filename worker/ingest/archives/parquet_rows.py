"""The process that reads one Parquet file: `python -m worker.ingest.archives.parquet_rows PATH`.

A damaged file can make pyarrow abort, or allocate without a bound. In a process of its own, with
limited memory, neither ends the ingest. It prints lines of JSON:

{row, inside, size, refusal, label, is_labelled}   an image; its `size` bytes follow, unless it is
                                                   refused or larger than MAX_BYTES
{row, file, label}                                 a row of a table of labels
{note}                                             a sentence for the report
{end}                                              last: null, or why the rest is not read
"""

import json
import resource
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from models.child_process import end_with_supervisor
from worker.ingest.archives.members import MAX_BYTES
from worker.ingest.archives.names import display_name
from worker.ingest.class_values import FILE_COLUMNS, LABEL_COLUMNS, class_of
from worker.ingest.errors import NoClass, Rejected

if TYPE_CHECKING:
    from pyarrow import DataType, Schema
    from pyarrow.parquet import ParquetFile

MAX_MEMORY_BYTES = 2 << 30  # address space
BATCH_BYTES = 64 << 20
BATCH_ROWS = 64
LABEL_ROWS = 10_000  # per batch in a table without images
BUFFER_BYTES = 1 << 20
IMAGE_COLUMNS = ("image", "img", "picture", "images")
MISSING = 'not installed: Parquet is read by an extra: pip install "moggy[parquet]"'


@dataclass(frozen=True)
class _Columns:
    """`image` holds encoded images; where it is None, `file` holds the paths of images."""

    image: str | None
    file: str | None
    label: str | None
    class_names: tuple[str, ...] = ()

    def class_of(self, label: Any) -> str | None:
        """The name of a class; its number where the metadata has no name."""
        if isinstance(label, int) and 0 <= label < len(self.class_names):
            return self.class_names[label]
        return class_of(label)


def write_rows(path: Path, out: BinaryIO) -> None:
    """Print the lines that the module's docstring lists."""
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
            for note in _unused_columns(file.schema_arrow, columns):
                _write(out, {"note": note})
            fraction = _first_fraction(file, columns.label)
            if fraction is not None:
                note = f"column {columns.label} holds fractions such as {fraction}, not classes"
                _write(out, {"note": note})
                columns = replace(columns, label=None)
            for value, label in _rows(file, columns):
                _write_row(out, columns, written, value, columns.class_of(label))
                written += 1
    except (Rejected, NoClass) as error:
        end = str(error)
    except MemoryError:
        end = (
            f"too little memory: after {written:,} rows; write it with smaller row groups and pages"
        )
    except (pa.ArrowException, OSError, ValueError, LookupError) as error:
        end = f"damaged: after {written:,} rows: {str(error).partition(chr(10))[0]}"
    _write(out, {"end": end})


def _write(out: BinaryIO, line: dict[str, Any]) -> None:
    out.write(json.dumps(line).encode() + b"\n")


def _write_row(out: BinaryIO, columns: _Columns, row: int, value: Any, label: str | None) -> None:
    if columns.image is None:
        if isinstance(value, str):
            _write(out, {"row": row, "file": value, "label": label})
        return
    labelled = {"row": row, "label": label, "is_labelled": columns.label is not None}
    images = list(_images(value)) or [("", None, None)]
    for inside, data, path in images:
        refusal = None if data else _refusal(path)
        size = len(data or b"")
        _write(out, labelled | {"inside": inside, "size": size, "refusal": refusal})
        if data and size <= MAX_BYTES:
            out.write(data)


def _refusal(path: Any) -> str:
    if path:
        return (
            f"path without a picture: the row names a file {display_name(str(path))!r} and holds "
            "no picture: upload the files themselves"
        )
    return "no picture: the row holds none"


def _images(value: Any, inside: str = "") -> Iterator[tuple[str, bytes | None, Any]]:
    """(position in the row, encoded image, path) of all images in a value of nested lists and
    structs. The position is like .left[2]."""
    if isinstance(value, bytes):
        yield inside, value, None
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _images(item, f"{inside}[{index}]")
    elif isinstance(value, dict) and "bytes" in value:
        yield inside, value["bytes"], value.get("path")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _images(item, f"{inside}.{name}")


def _rows(file: "ParquetFile", columns: _Columns) -> Iterator[tuple[Any, Any]]:
    value_column = columns.image or columns.file
    wanted = [value_column, *([columns.label] if columns.label else [])]
    for group_index in range(file.num_row_groups):
        group = file.metadata.row_group(group_index)
        chunks = [group.column(index) for index in range(group.num_columns)]
        chunk = max((column.total_uncompressed_size for column in chunks), default=0)
        # A single value may be as large as its column chunk.
        rows = min(BATCH_ROWS, max(1, BATCH_BYTES // max(1, chunk)))
        if columns.image is None:
            rows = LABEL_ROWS
        for batch in file.iter_batches(rows, [group_index], wanted, use_threads=False):
            labels = batch.column(columns.label).to_pylist() if columns.label else None
            for index, value in enumerate(batch.column(value_column)):
                yield value.as_py(), labels[index] if labels else None


def _first_fraction(file: "ParquetFile", label: str | None) -> float | None:
    """The first fraction among the labels of a floating-point column."""
    from pyarrow import types

    if label is None or not types.is_floating(file.schema_arrow.field(label).type):
        return None
    for batch in file.iter_batches(LABEL_ROWS, columns=[label], use_threads=False):
        for value in batch.column(label).to_pylist():
            if value is not None and not value.is_integer() and not isnan(value):
                return float(value)
    return None


def _find_columns(schema: "Schema") -> _Columns:
    """Choose the image, path and label columns. Raises Rejected for a Parquet with neither images
    nor a table of labels."""
    label, class_names = _find_label(schema)
    images = [name for name in schema.names if _holds_images(schema.field(name).type)]
    if images:
        image = _preferred(images, IMAGE_COLUMNS) or images[0]
        return _Columns(image, None, label, class_names)
    texts = [name for name in schema.names if _is_text(schema.field(name).type)]
    file = _preferred(texts, FILE_COLUMNS)
    if file and label:
        return _Columns(None, file, label, class_names)
    hint = f"; column {file} names files: upload the files themselves" if file else ""
    raise Rejected(
        "not pictures: no column of this Parquet holds encoded pictures, as binary or as a "
        f"struct with bytes; its columns are {', '.join(schema.names)[:200]}{hint}"
    )


def _find_label(schema: "Schema") -> tuple[str | None, tuple[str, ...]]:
    """The label column, and the class names where the schema's metadata has them."""
    features = _features(schema)
    named = [name for name in schema.names if features.get(name, {}).get("_type") == "ClassLabel"]
    label = _preferred(named) or next(iter(named), None)
    if label is None:
        label = _preferred([name for name in schema.names if _is_class(schema, name)])
    names = features.get(label or "", {}).get("names") or []
    return label, tuple(str(name) for name in names)


def _preferred(names: list[str], known: tuple[str, ...] = LABEL_COLUMNS) -> str | None:
    lowered = {name.lower(): name for name in reversed(names)}
    return next((lowered[name] for name in known if name in lowered), None)


def _features(schema: "Schema") -> dict[str, Mapping[str, Any]]:
    """The hub's description of each column; empty where it has another form than hubs write."""
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


def _holds_images(kind: "DataType") -> bool:
    """Whether values of this type are encoded images, or lists or structs of them."""
    from pyarrow import types

    if types.is_binary(kind) or types.is_large_binary(kind):
        return True
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _holds_images(kind.value_type)
    if not types.is_struct(kind):
        return False
    if kind.get_field_index("bytes") >= 0:
        # The type is null where no row has bytes.
        inner = kind.field("bytes").type
        return _holds_images(inner) or types.is_null(inner)
    return any(_holds_images(kind.field(index).type) for index in range(kind.num_fields))


def _is_class(schema: "Schema", name: str) -> bool:
    """Whether values of this column can be classes."""
    from pyarrow import types

    kind = schema.field(name).type
    if types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        types.is_integer(kind) or types.is_boolean(kind) or types.is_floating(kind)
    ) or _is_text(kind)


def _is_text(kind: "DataType") -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _unused_columns(schema: "Schema", columns: _Columns) -> Iterator[str]:
    """Notes about columns that look like labels or images and are not read."""
    if columns.image is None:
        return
    label = _preferred([name for name in schema.names if name != columns.image])
    if columns.label is None and label is not None:
        yield f"column {display_name(label)} holds {schema.field(label).type}, which is not a class"
    others = [
        display_name(name)
        for name in schema.names
        if name not in (columns.image, label) and _holds_images(schema.field(name).type)
    ]
    if others:
        listed = ", ".join(others)[:200]
        image = display_name(columns.image)
        yield f"only the pictures of column {image} were read, not of {listed}"


def main() -> None:
    end_with_supervisor()
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    with sys.stdout.buffer as out:
        write_rows(Path(sys.argv[1]), out)


if __name__ == "__main__":
    main()
