"""Uploads: a multipart form received straight into files, with bounded memory."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from anyio import CancelScope, to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from app.domain.disk import check_room, is_disk_full
from app.domain.errors import InvalidRequest, MoggyError, TooLarge
from app.domain.settings import Settings
from app.routes.middleware.body_limit import stated_length
from app.routes.protocol.content_disposition import read_disposition
from app.routes.protocol.problems import disk_full, wrong_media_type

FILES_FIELD = "files"
MAX_FILES = 100_000  # each takes an inode until it is packed; an archive holds any number
MAX_TEXT_FIELDS = 32
MAX_TEXT_BYTES = 16 * 1024
UNNAMED = "unnamed-{}"  # the name of a file without one, by its number in the upload
FEED_BYTES = 1 << 20  # parsed and written by one call in a thread


class UploadRules(NamedTuple):
    """The fields in which files are sent, and how many files and bytes a form may hold."""

    field: str
    max_files: int  # of all fields
    max_bytes: int  # of the whole form
    setting: str  # from which max_bytes comes
    more_fields: tuple[str, ...] = ()  # that hold files too

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.field, *self.more_fields)


class UploadedFile(NamedTuple):
    """`name` comes from the client: it must never become part of a path."""

    name: str
    path: Path
    bytes: int
    field: str = FILES_FIELD


@dataclass(frozen=True)
class Upload:
    fields: dict[str, str]
    files: list[UploadedFile]


async def receive_upload(
    request: Request, folder: Path, settings: Settings, rules: UploadRules | None = None
) -> Upload:
    """Receive files into `folder` as 000000, 000001, …, and the text fields into memory.

    Without `rules` the form is that of a dataset. A stated length is checked before the first byte
    is read; the bytes are counted while reading. Any error removes the folder.
    """
    boundary = _boundary(request)
    rules = rules or UploadRules(
        FILES_FIELD, MAX_FILES, settings.max_upload_bytes, "MOGGY_MAX_UPLOAD_BYTES"
    )
    try:
        await to_thread.run_sync(_create_folder, request, folder, rules, settings.min_free_bytes)
        receiver = _FormReceiver(boundary, folder, rules)
        try:
            await _feed(request, receiver, rules)
        finally:
            receiver.close()
    except BaseException as error:
        with CancelScope(shield=True):
            await to_thread.run_sync(shutil.rmtree, folder, True)
        explained = _explain(error)
        if explained is error:
            raise
        raise explained from error
    return Upload(receiver.fields, receiver.files)


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise wrong_media_type(request, "multipart/form-data with a boundary")
    return options[b"boundary"]


def _create_folder(request: Request, folder: Path, rules: UploadRules, min_free: int) -> None:
    """Create the folder, or raise TooLarge or InsufficientStorage if the upload will not fit."""
    length = stated_length(request.scope)
    if length > rules.max_bytes:
        raise _too_large(f"{length:,} bytes", rules)
    folder.mkdir(parents=True, exist_ok=True)
    check_room(folder, length, min_free, rules.field)


async def _feed(request: Request, receiver: "_FormReceiver", rules: UploadRules) -> None:
    received, pending, chunks = 0, 0, list[bytes]()
    async for chunk in request.stream():
        received += len(chunk)
        if received > rules.max_bytes:
            raise _too_large("larger", rules)
        chunks.append(chunk)
        pending += len(chunk)
        if pending >= FEED_BYTES:
            await to_thread.run_sync(receiver.write, b"".join(chunks))
            pending, chunks = 0, []
    await to_thread.run_sync(receiver.write, b"".join(chunks))
    receiver.finish()


def _too_large(size: str, rules: UploadRules) -> TooLarge:
    return TooLarge(
        f"the upload is {size}; at most {rules.max_bytes:,} bytes are accepted ({rules.setting})",
        field=rules.field,
    )


def _explain(error: BaseException) -> BaseException:
    """Return the error to report to the client. An unexpected error is returned unchanged."""
    if isinstance(error, MoggyError):
        return error
    if isinstance(error, ClientDisconnect):
        return InvalidRequest("the upload is incomplete: its sender disconnected")
    if isinstance(error, FormParserError):
        return InvalidRequest(f"the multipart body is malformed: {error}")
    if is_disk_full(error):
        return disk_full()
    return error


class _FormReceiver:
    """Writes the parts of a form to files and fields, from the parser's callbacks."""

    def __init__(self, boundary: bytes, folder: Path, rules: UploadRules) -> None:
        self.fields: dict[str, str] = {}
        self.files: list[UploadedFile] = []
        self._folder = folder
        self._rules = rules
        self._ended = False
        self._headers: dict[bytes, bytes] = {}
        self._header_name = self._header_value = b""
        self._field = self._file_name = ""
        self._text = bytearray()
        self._file: IO[bytes] | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_header_name,
                "on_header_value": self._add_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._open_part,
                "on_part_data": self._add_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def write(self, data: bytes) -> None:
        self._parser.write(data)

    def finish(self) -> None:
        """Raise InvalidRequest unless the closing boundary was received."""
        if not self._ended:
            raise InvalidRequest("the multipart body ends before its closing boundary")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin_part(self) -> None:
        self._headers = {}
        self._header_name = self._header_value = b""

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _open_part(self) -> None:
        kind, field, file_name = read_disposition(self._headers.get(b"content-disposition", b""))
        if kind != "form-data" or field is None:
            raise InvalidRequest("a part of the form has no Content-Disposition that names it")
        self._field = field
        if file_name is None and field in self._rules.fields and self._is_binary():
            file_name = ""
        if file_name is None:
            self._open_text()
        else:
            self._open_file(file_name)

    def _is_binary(self) -> bool:
        """Whether the part has a media type other than text/plain, as an unnamed file has."""
        media_type = self._headers.get(b"content-type", b"text/plain").strip().lower()
        return not media_type.startswith(b"text/plain")

    def _open_file(self, name: str) -> None:
        field, max_files = self._field, self._rules.max_files
        if field not in self._rules.fields:
            names = " or ".join(repr(name) for name in self._rules.fields)
            raise InvalidRequest(
                f"a file was sent as {field[:50]!r}: send files as {names}", field=field[:50]
            )
        if len(self.files) == max_files:
            remedy = "send them as one zip or tar" if max_files > 1 else "send one"
            count = f"{max_files:,} files" if max_files > 1 else "one file"
            raise TooLarge(f"more than {count} in one upload: {remedy}", field=field)
        self._file_name = name
        self._file = (self._folder / f"{len(self.files):06d}").open("wb")

    def _open_text(self) -> None:
        if self._field in self._rules.fields:
            raise InvalidRequest(
                f"{self._field} holds text, not a file (with curl: -F {self._field}=@NAME)",
                field=self._field,
            )
        if self._field in self.fields:
            raise InvalidRequest(
                f"form field {self._field[:50]!r} was sent twice", field=self._field[:50]
            )
        if len(self.fields) == MAX_TEXT_FIELDS:
            raise InvalidRequest(f"more than {MAX_TEXT_FIELDS} form fields")
        self._text.clear()

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])
            return
        self._text += memoryview(data)[start:end]
        if len(self._text) > MAX_TEXT_BYTES:
            raise InvalidRequest(
                f"form field {self._field[:50]!r} is longer than {MAX_TEXT_BYTES:,} bytes",
                field=self._field[:50],
            )

    def _end_part(self) -> None:
        if self._file is None:
            self.fields[self._field] = self._decode_text()
            return
        size = self._file.tell()
        path = Path(self._file.name)
        self._file.close()
        self._file = None
        if size == 0 and not self._file_name:
            path.unlink()  # what a browser sends for an empty file input
        else:
            name = self._file_name or UNNAMED.format(len(self.files) + 1)
            self.files.append(UploadedFile(name, path, size, self._field))

    def _decode_text(self) -> str:
        try:
            return self._text.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"form field {self._field[:50]!r} is not UTF-8", field=self._field[:50]
            ) from error

    def _end(self) -> None:
        self._ended = True
