"""The Content-Disposition of a form's part: the field's name and the file's name.

The standard library parses the header and its RFC 2231 parameters (`filename*`). Clients write
file names that are not ASCII in many ways: RFC 5987 (`filename*`), raw UTF-8 as browsers do, raw
Latin-1, RFC 2047 words as .NET does, and with `"`, CR and LF percent-encoded (HTML, RFC 7578).
"""

import re
from collections.abc import Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from typing import NamedTuple

from app.domain.errors import InvalidRequest

ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}  # all that HTML forms percent-encode in a name
ESCAPE = re.compile("|".join(ESCAPED), re.IGNORECASE)
ENCODED_WORDS = re.compile(r"\s*(=\?[^?\s]+\?[bq]\?[^?]*\?=\s*)+", re.IGNORECASE | re.ASCII)
# Where a file lies on its sender's machine, which clients on Windows may tell. Of other paths the
# folders are kept: they may be classes.
WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")
MAX_SHOWN = 100

# (charset, language, value) of an RFC 2231 parameter, whose value has its bytes as Latin-1.
Parameter = str | tuple[str | None, str | None, str]


class Disposition(NamedTuple):
    """`file_name` is None where the part names no file; it may be empty."""

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
    """The parameter's text; of a plain and an extended value the extended one, if it is readable.

    Raises InvalidRequest when there is only an extended value and it cannot be decoded.
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
                    f"{(charset or 'utf-8')[:MAX_SHOWN]!r}: write it as UTF-8''NAME with NAME "
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
    """UTF-8; what is not is Windows-1252, which HTML means by Latin-1, or Latin-1 itself."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def _storable(text: str) -> str:
    """The text itself; ValueError for half a surrogate pair, which some charsets can express."""
    text.encode()
    return text
