"""Files that list images and their classes: CSV, TSV, JSON lines, and StyleGAN's dataset.json.

All are read row by row: memory does not depend on the number of rows.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from worker.ingest.archives.streams import Readable
from worker.ingest.class_values import FILE_COLUMNS, LABEL_COLUMNS, class_of
from worker.ingest.errors import NoClass, UnusableLabelFile

# Columns that do not hold classes.
TEXT_COLUMNS = ("text", "caption", "captions", "prompt", "description", "url")
IMAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".avif", ".tif", ".tiff", ".heic",
    ".heif",
)  # fmt: skip
DELIMITERS = ",;\t|"
DECLARED_DELIMITER = re.compile(rf'"?sep=([{DELIMITERS}])"?\r?\n?', re.IGNORECASE)  # by Excel
NOT_UTF_8 = "it is not text in UTF-8: save it as CSV UTF-8"
MAX_LINE_BYTES = 1 << 20
MAX_PREFIX_CHARACTERS = 1000  # of the names of all objects around a value of JSON

Row = tuple[str, str | None]  # (path of an image as written in the file, its class)


def read_delimited(stream: Readable) -> Iterator[Row]:
    """A CSV or TSV with a line of column names, or with a path and a class in each line.

    The text is UTF-8, or UTF-16 with a byte order mark.
    """
    file = io.BufferedReader(_Raw(stream))
    is_utf_16 = file.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    text = io.TextIOWrapper(file, "utf-16" if is_utf_16 else "utf-8-sig", newline="")
    number = 1
    try:
        first = text.readline(MAX_LINE_BYTES)
        if "\0" in first:
            raise UnusableLabelFile(NOT_UTF_8)
        delimiter = max(DELIMITERS, key=first.count)
        if declared := DECLARED_DELIMITER.fullmatch(first):
            delimiter, first, number = declared[1], text.readline(MAX_LINE_BYTES), 2
        header = next(csv.reader([first], delimiter=delimiter, strict=True), [])
        columns = _column_indices(header)
        lines = _Lines(text)
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        if columns is None:
            yield _row(header[0], header[1], number)
            columns = (0, 1)
        for cells in rows:
            number += 1
            lines.begin_row()
            if not cells:
                continue
            if len(cells) <= max(columns):
                raise UnusableLabelFile(f"line {number} has {len(cells)} of {len(header)} columns")
            yield _row(cells[columns[0]], cells[columns[1]], number)
    except UnicodeDecodeError as error:
        raise UnusableLabelFile(NOT_UTF_8) from error
    except csv.Error as error:
        raise UnusableLabelFile(f"line {number + 1}: {error}") from error
    except _RowTooLong as error:
        raise UnusableLabelFile(
            f"line {number + 1} is longer than {MAX_LINE_BYTES:,} characters"
        ) from error


def read_lines(stream: Readable) -> Iterator[Row]:
    """JSON lines, one object for each image."""
    lines = io.BufferedReader(_Raw(stream))
    columns: tuple[str, str] | None = None
    number = 0
    while line := lines.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise UnusableLabelFile(f"line {number} is longer than {MAX_LINE_BYTES:,} bytes")
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UnusableLabelFile(f"line {number} is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise UnusableLabelFile(f"line {number} is not a JSON object")
        columns = columns or _find_columns(list(record))
        file, label = (record.get(column) for column in columns)
        if not isinstance(file, str):
            raise UnusableLabelFile(f"line {number}: {columns[0]} is {file!r:.60}, not a path")
        yield _row(file, label, number)


def read_stylegan(stream: Readable) -> Iterator[Row]:
    """The dataset.json of StyleGAN's tools: {"labels": [["00000/img00000000.png", 3], …]}.

    Its labels may be null, which means that the images have no classes.
    """
    import ijson

    path: str | None = None
    values = rows = 0  # in this row; in the file
    has_labels = False
    tokens = _Tokens(stream)
    try:
        for prefix, event, value in ijson.parse(tokens, use_float=True):
            tokens.begin_token()
            if len(prefix) > MAX_PREFIX_CHARACTERS:
                raise UnusableLabelFile("it is nested too deeply")
            if prefix == "labels":
                has_labels = event in ("null", "start_array", "end_array")
                if not has_labels:
                    raise UnusableLabelFile('its "labels" are neither a list nor null')
            elif prefix == "labels.item" and event == "start_array":
                path, values, rows = None, 0, rows + 1
            elif prefix == "labels.item" and event == "end_array":
                if values != 2:
                    raise UnusableLabelFile(f"label {rows} is not a pair of a path and a number")
            elif prefix == "labels.item.item" and values == 0 and event == "string":
                path, values = value, 1
            elif prefix == "labels.item.item" and values == 1 and path is not None:
                if event in ("start_array", "start_map"):
                    raise UnusableLabelFile(f"label {rows} is a list of numbers, not a class")
                values = 2
                yield _row(path, value, rows, "label")
            elif prefix.startswith("labels."):
                raise UnusableLabelFile(f"label {rows} is not a pair of a path and a number")
    except ijson.JSONError as error:
        raise UnusableLabelFile(f"it is not JSON: {_first_line(error)}") from error
    if not has_labels:
        raise UnusableLabelFile('it has no "labels"')


def _first_line(error: Exception) -> str:
    """The first line of ijson's message, which may be bytes, and may quote the file below it."""
    reason = error.args[0] if error.args else ""
    text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return text.strip().partition("\n")[0]


def _find_columns(names: Sequence[str]) -> tuple[str, str]:
    """(column of paths, column of classes). Raises UnusableLabelFile if either is missing."""
    known = {_plain(name): name for name in reversed(names)}
    ends = [name for name in known if name.endswith("_file_name")]
    file = next((known[name] for name in (*FILE_COLUMNS, *ends) if name in known), None)
    if file is None:
        raise UnusableLabelFile(
            f"none of its columns names files: {_listed(names)}; call one file_name"
        )
    label = next((known[name] for name in LABEL_COLUMNS if name in known), None)
    others = [name for name in names if name != file and _plain(name) not in TEXT_COLUMNS]
    if label is None and len(names) == 2 and others:
        label = others[0]
    if label is None:
        raise UnusableLabelFile(
            f"none of its columns holds classes: {_listed(names)}; call one label"
        )
    return file, label


def _column_indices(header: list[str]) -> tuple[int, int] | None:
    """The indices of path and class; None where the first line is a row, not column names."""
    if len(header) == 2 and header[0].strip().lower().endswith(IMAGE_SUFFIXES):
        return None
    file, label = _find_columns(header)
    return header.index(file), header.index(label)


def _row(path: str, label: Any, number: int, unit: str = "line") -> Row:
    try:
        return path, class_of(label)
    except NoClass as error:
        raise UnusableLabelFile(f"{unit} {number}: {error}") from error


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(name.strip() for name in names):.200}"


class _RowTooLong(Exception):
    pass


class _Lines:
    """The lines of a text for `csv.reader`, which does not limit the length of lines and rows."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._row_length = 0

    def begin_row(self) -> None:
        self._row_length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise StopIteration
        self._row_length += len(line)
        if self._row_length > MAX_LINE_BYTES:
            raise _RowTooLong
        return line


class _Raw(io.RawIOBase):
    """A stream of an upload as a raw file, for the readers of the standard library."""

    def __init__(self, stream: Readable) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Tokens(_Raw):
    """JSON with a limit on the length of a token: `ijson` takes quadratic time for a long one."""

    _length = 0  # bytes read since the last token

    def begin_token(self) -> None:
        self._length = 0

    def readinto(self, buffer: Any, /) -> int:
        if self._length > MAX_LINE_BYTES:
            raise UnusableLabelFile(
                f"a string or number in it is longer than {MAX_LINE_BYTES:,} bytes"
            )
        count = super().readinto(buffer)
        self._length += count
        return count
