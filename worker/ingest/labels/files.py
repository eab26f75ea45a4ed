"""Label files of an upload: tables and sidecars, which name the classes of images.

A table lists images and their classes; a sidecar has the class of the image that shares its name.
If a label file gives any image a class, folders are not classes.
"""

import codecs
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from worker.ingest.archives.members import Member
from worker.ingest.archives.names import display_name, parts_of
from worker.ingest.archives.parquet import LabelRow, parquet_members
from worker.ingest.archives.signatures import HEAD_BYTES, image_format
from worker.ingest.archives.streams import READ_BYTES, Readable, read_exactly
from worker.ingest.archives.unsupported_formats import unsupported_reason
from worker.ingest.class_values import LABEL_COLUMNS, STAND_IN, class_of
from worker.ingest.errors import NoClass, Rejected, UnusableLabelFile
from worker.ingest.labels.labels import Labels
from worker.ingest.labels.matches import LabelMatches
from worker.ingest.labels.tables import Row, read_delimited, read_lines, read_stylegan
from worker.ingest.limits import Meter
from worker.ingest.notes import Note
from worker.ingest.report import LabelFileReport, LabelReport, Report

MAX_TABLE_BYTES = 512 << 20
MAX_SIDECAR_BYTES = 1 << 20
MAX_ROWS = 10_000_000
MAX_TEXT_CHARACTERS = 4096  # of a path or a class; file systems limit paths to 4,096 bytes
MAX_ALL_CHARACTERS = 1 << 30  # of all paths and classes; a Parquet repeats one for a few bits
MAX_LISTED = 20
LFS_POINTER = b"version https://git-lfs"
STYLEGAN = "dataset.json"
MANIFEST = "manifest.json"  # app.domain.job_objects.MANIFEST; an ingest imports nothing of app
MANIFEST_FIELDS = {"recipe", "encoder", "shards"}
PARQUET = "metadata.parquet"  # the only Parquet that is read inside an archive
TABLES: dict[str, Callable[[Readable], Iterator[Row]]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".jsonl": read_lines,
    ".ndjson": read_lines,
}
# The ranks of sources of classes: the lowest rank counts. A class name in a .json precedes the
# number in a .cls, which precedes any other value in a .json.
TABLE, NAMED, NUMBERED, OTHER = range(4)


@dataclass
class _File:
    """A table, or all sidecars with one suffix in one archive."""

    name: str
    is_table: bool
    files: int = 1


@dataclass
class LabelFiles:
    """Collects the labels of an upload; `finish` sets the classes of the packed images."""

    database: Path
    report: Report
    meter: Meter
    _files: list[_File] = field(default_factory=list)
    _sidecars: dict[tuple[int, str], int] = field(default_factory=dict)  # indices in _files
    _rows: int = 0
    _characters: int = 0  # of the paths and classes of all rows
    _parquets: dict[tuple[int, str], int] = field(default_factory=dict)  # indices in _files
    _has_no_classes: bool = False  # a table declares that there are none

    def __post_init__(self) -> None:
        self._matches = LabelMatches(self.database)

    def close(self) -> None:
        self._matches.close()

    def add_image(
        self,
        scope: int,
        name: str,
        pack_index: int | None,
        recipe_class: str | None,
        *,
        is_duplicate: bool,
    ) -> None:
        """Add a received file that is not a label file.

        `pack_index` is the index of its image, or of the image that it duplicates, in the pack;
        None if it was rejected.
        """
        self._matches.add_image(scope, name, pack_index, recipe_class, is_duplicate=is_duplicate)

    def read_if_labels(self, scope: int, archive: str | None, member: Member) -> Member | None:
        """Read a label file and return None; return any other file, which is still unread."""
        name = parts_of(member.name)[-1].lower()
        suffix = f".{name.rpartition('.')[2]}"
        read = read_stylegan if name == STYLEGAN else TABLES.get(suffix)
        if name == PARQUET:
            read = self._read_parquet
        is_sidecar = read is None and suffix in (".cls", ".json")
        if member.stream is None or (read is None and not is_sidecar):
            return member
        try:
            head = bytes(read_exactly(member.stream, HEAD_BYTES))
            stream = _PrefixedStream(head, member.stream)
            if image_format(head) is not None:
                return replace(member, stream=stream)
            if head.startswith(LFS_POINTER):
                raise UnusableLabelFile(unsupported_reason(head))
            stream = _PrefixedStream(head.removeprefix(codecs.BOM_UTF8), member.stream)
            if read is None:
                self._read_sidecar(scope, archive, member, suffix, stream)
            else:
                self._read_table(scope, archive, member, read(stream))
        except (UnusableLabelFile, Rejected) as error:
            self.report.reject(display_name(member.name), f"label file not used: {error}")
        return None

    def add_row(self, scope: int, row: LabelRow) -> None:
        """Add a row of a Parquet that was uploaded by itself."""
        index = self._parquets.get((scope, row.name))
        if index is None:
            index = self._parquets[scope, row.name] = len(self._files)
            self._files.append(_File(row.name, is_table=True))
        if not self._files[index].files:
            return  # rejected at an earlier row
        folder = "/".join(parts_of(row.name)[:-1])
        try:
            self._count_row(row.path, row.class_name)
        except UnusableLabelFile as error:
            self._drop_table(index)
            self.report.reject(display_name(row.name), f"label file not used: {error}")
        else:
            self._matches.add_line(index, TABLE, scope, folder, row.path, row.class_name)

    def finish(self, labels: Labels) -> LabelReport | None:
        """Match rows with images, set the class of each packed image, and report what was used.

        Return None if neither a label file nor a recipe was used.
        """
        self.meter.tick()
        self._matches.join()
        self.meter.tick()
        file_reports = list(self._file_reports())
        if not (self._has_no_classes or self._matches.has_classes()):
            with_class = self._take_recipes(labels)
            if not file_reports and not with_class:
                return None
            source = "recipes" if with_class else None
            return LabelReport(source, file_reports, with_class=with_class)
        report = LabelReport("files", file_reports, self._matches.contradicted())
        for image in self._matches.images():
            if image.is_duplicate:
                is_same = labels.fill(image.pack_index, image.class_name)
                report.contradicted_duplicates += not is_same
            else:
                labels.assign(image.pack_index, image.class_name)
        for pack_index, path in self._matches.paths():
            if labels.has_class(pack_index):
                report.with_class += 1
            else:
                report.add_without_class(display_name(path))
        if labels.classes_in_use == 1 and not report.without_class_count:
            self.report.note(
                Note(
                    "The label files give all pictures the same class. A dataset has classes where "
                    "there are at least two: this one has none.",
                    "single_class",
                )
            )
        return report

    def _file_reports(self) -> Iterator[LabelFileReport]:
        """Yield a report on every label file that was used; reject the others."""
        counts = {file: rest for file, *rest in self._matches.files()}
        for index, file in enumerate(self._files):
            self.meter.tick()
            rows, images, unmatched = counts.get(index, (0, 0, 0))
            if not file.is_table:
                for name in self._matches.unmatched(index, -1):
                    self.report.reject(
                        name, "label file not used: there is no picture of the same name"
                    )
                if images:
                    files = file.files - unmatched
                    yield LabelFileReport(file.name, files, files, images, 0, [])
            elif file.files and (images or not rows):
                listed = list(self._matches.unmatched(index, MAX_LISTED))
                yield LabelFileReport(file.name, 1, rows, images, unmatched, listed)
            elif file.files:
                (first,) = self._matches.unmatched(index, 1)
                reason = (
                    f"none of its {rows:,} rows names a picture of the upload; the first names "
                    f"{first}"
                )
                self.report.reject(file.name, f"label file not used: {reason}")

    def _take_recipes(self, labels: Labels) -> int:
        """Set classes from the recipes inside generated images, and return their number.

        A recipe counts if folders are not classes, or if the image's folder is called `class-N`
        because the name of its class cannot name a folder.
        """
        without_folders = labels.classes_in_use < 2 and self._matches.recipes() == len(labels)
        with_class = 0
        for image in self._matches.images():
            if image.is_duplicate or image.recipe_class is None:
                continue
            folder = parts_of(image.path)[-2:-1]
            if without_folders or (folder and STAND_IN.fullmatch(folder[0])):
                labels.assign(image.pack_index, image.recipe_class)
                with_class += 1
        return with_class

    def _read_table(
        self, scope: int, archive: str | None, member: Member, rows: Iterator[Row]
    ) -> None:
        """Add the rows of a table, or raise UnusableLabelFile and keep none of them."""
        _check_size(member, MAX_TABLE_BYTES)
        index, before = len(self._files), self._rows
        self._files.append(_File(_path(archive, member.name), is_table=True))
        folder = "/".join(parts_of(member.name)[:-1])
        try:
            for path, class_name in rows:
                self._count_row(path, class_name)
                self._matches.add_line(index, TABLE, scope, folder, path, class_name)
            is_empty = self._rows == before
            if is_empty and parts_of(member.name)[-1].lower() != STYLEGAN:
                raise UnusableLabelFile("it has no rows")
        except (UnusableLabelFile, Rejected):
            self._drop_table(index)
            raise
        self._has_no_classes |= is_empty

    def _drop_table(self, index: int) -> None:
        self._matches.drop_file(index)
        self._files[index].files = 0

    def _read_parquet(self, stream: Readable) -> Iterator[Row]:
        path = self.database.with_suffix(".parquet")
        try:
            with path.open("wb") as file:
                while block := stream.read(READ_BYTES):
                    file.write(block)
            for row in parquet_members(path, PARQUET, self.meter):
                if isinstance(row, LabelRow):
                    yield row.path, row.class_name
                elif isinstance(row, Note):
                    self.report.note(row)
                else:
                    raise UnusableLabelFile(row.refusal or "it holds pictures: upload it by itself")
        finally:
            path.unlink(missing_ok=True)

    def _read_sidecar(
        self, scope: int, archive: str | None, member: Member, suffix: str, stream: Readable
    ) -> None:
        _check_size(member, MAX_SIDECAR_BYTES)
        data = bytes(read_exactly(stream, MAX_SIDECAR_BYTES))
        if parts_of(member.name)[-1] == MANIFEST and _is_manifest(data):
            return
        class_name, rank = _json_class(data) if suffix == ".json" else (_text_class(data), NUMBERED)
        self._count_row(member.name, class_name)
        index = self._sidecars.get((scope, suffix))
        if index is None:
            index = self._sidecars[scope, suffix] = len(self._files)
            self._files.append(_File(_path(archive, f"*{suffix}"), is_table=False, files=0))
        self._files[index].files += 1
        self._matches.add_sidecar(index, rank, scope, member.name, class_name)

    def _count_row(self, path: str, class_name: str | None) -> None:
        """Count a row. Raises UnusableLabelFile for a long row, or more rows than are read."""
        for kind, text in (("path", path), ("class", class_name or "")):
            if len(text) > MAX_TEXT_CHARACTERS:
                raise UnusableLabelFile(
                    f"a {kind} in it has {len(text):,} characters, at most "
                    f"{MAX_TEXT_CHARACTERS:,} are read: {display_name(text):.40}…"
                )
            self._characters += len(text)
        self._rows += 1
        if self._rows > MAX_ROWS:
            raise UnusableLabelFile(f"the label files of one upload have at most {MAX_ROWS:,} rows")
        if self._characters > MAX_ALL_CHARACTERS:
            raise UnusableLabelFile(
                f"the paths and classes of all label files of one upload have at most "
                f"{MAX_ALL_CHARACTERS:,} characters"
            )


class _PrefixedStream:
    """A stream that begins again with its first bytes, which were read before."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = io.BytesIO(head)
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        return self._head.read(size) or self._stream.read(size)


def _check_size(member: Member, limit: int) -> None:
    if member.size > limit:
        raise UnusableLabelFile(f"it has {member.size:,} bytes, and at most {limit:,} are read")


def _text_class(data: bytes) -> str | None:
    try:
        text = data.decode().strip()
    except UnicodeDecodeError as error:
        raise UnusableLabelFile("it is not text in UTF-8") from error
    if "\n" in text:
        raise UnusableLabelFile("it has several lines, not one class")
    return class_of(text)


def _is_manifest(data: bytes) -> bool:
    """Whether a JSON is the manifest of a synthesis, which holds no labels."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and record.keys() >= MANIFEST_FIELDS


def _json_class(data: bytes) -> tuple[str | None, int]:
    """(class, rank) of the JSON sidecar of an image."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnusableLabelFile(f"it is not JSON: {error}") from error
    keys = [key for key in LABEL_COLUMNS if isinstance(record, dict) and key in record]
    if not keys:
        raise UnusableLabelFile("its JSON holds no class")
    value = record[keys[0]]
    try:
        return class_of(value), NAMED if isinstance(value, str) else OTHER
    except NoClass as error:
        raise UnusableLabelFile(f"its {keys[0]}: {error}") from error


def _path(archive: str | None, name: str) -> str:
    return display_name(name) if archive is None else f"{archive}/{display_name(name)}"
