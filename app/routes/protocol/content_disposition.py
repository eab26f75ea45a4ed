"""The Content-Disposition of a part of a form: the names of the field and of the file.

The standard library parses the header and its RFC 2231 parameters (`filename*`). Clients write
non-ASCII file names in many ways: RFC 5987 (`filename*`), raw UTF-8 as browsers do, raw Latin-1,
RFC 2047 words as .NET does, and with `"`, CR and LF percent-encoded (HTML, RFC 7578).
"""

import re
from collections.abc import Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from typing import NamedTuple

from app.domain.errors import InvalidRequest

ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}  # what HTML forms percent-encode
ESCAPE = re.compile("|".join(ESCAPED), re.IGNORECASE)
ENCODED_WORDS = re.compile(r"\s*(=\?[^?\s]+\?[bq]\?[^?]*\?=\s*)+", re.IGNORECASE | re.ASCII)
# Some clients on Windows send the full path on their machine, of which only the file name is kept.
# Other paths keep their folders, which may be classes.
WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")
MAX_QUOTED = 100

# Text, or (charset, language, value) of an RFC 2231 parameter, whose value is bytes as Latin-1.
Parameter = str | tuple[str | None, str | None, str]


class Disposition(NamedTuple):
    """`file_name` is None where the part has none; it may also be empty."""

    kind: str
    field: str | None
    file_name: str | None


def read_disposition(header: bytes) -> Disposition:
    """Parse a Content-Disposition. `filename*` is preferred over `filename` (RFC 6266, 4.3)."""
    message = Message()
    message["Content-Disposition"] = header.decode("latin-1")
    (kind, _), *parameters = message.get_params([("", "")], "Content-Disposition")
    file_name = _parameter(parameters, "filename")
    if file_name is not None and WINDOWS_PATH.match(file_name):
        file_name = re.split(r"[\\/]", file_name)[-1]
    return Disposition(kind.lower(), _parameter(parameters, "name"), file_name)


def _parameter(parameters: Sequence[tuple[str, Parameter]], name: str) -> str | None:
    """Return the text of the extended parameter (`name*`) or else of the plain one.

    An extended value that cannot be decoded is ignored, or without a plain one raises
    InvalidRequest.
    """
    values = [value for key, value in parameters if key.lower() == name]
    plain = next((value for value in values if isinstance(value, str)), None)
    extended = next((value for value in values if isinstance(value, tuple)), None)
    if extended is not None:
        charset, _, value = extended
        try:
            return _storable(value.encode("latin-1").decode(charset or "utf-8"))
        except (LookupError, ValueError) as error:
            if plain is None:
                raise InvalidRequest(
                    f"{name}* of a part of the form cannot be decoded as "
                    f"{(charset or 'utf-8')[:MAX_QUOTED]!r}: write it as UTF-8''NAME with NAME "
                    "percent-encoded (RFC 5987)"
                ) from error
    return None if plain is None else _decode_plain(plain)


def _decode_plain(value: str) -> str:
    text = _decode_bytes(value.encode("latin-1"))
    if ENCODED_WORDS.fullmatch(text):
        try:
            return _storable(str(make_header(decode_header(text.strip()))))
        except (LookupError, ValueError, HeaderParseError):
            return text
    return ESCAPE.sub(lambda escape: ESCAPED[escape[0].upper()], text)


def _decode_bytes(raw: bytes) -> str:
    """Decode UTF-8, else Windows-1252, which is what HTML calls Latin-1, else Latin-1 itself."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _storable(text: str) -> str:
    """Return the text; ValueError for a lone surrogate, which some charsets can express."""
    text.encode()
    return text
