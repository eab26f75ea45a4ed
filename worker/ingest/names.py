"""The names that files have in an upload. They are shown and sorted by, never opened.

A name is a str that stands for exactly the bytes in the archive: where these are not text, they are
surrogate escapes (PEP 383). It is the identity of a file or of a class; `shown` makes the copy that
people see.
"""

import re
import unicodedata

SHOWN_CHARACTERS = 300
DRIVE = re.compile(r"[A-Za-z]:")
# A byte 0x5C that may be half of a character: no separator, unlike a backslash.
HALF_CHARACTER = "\udc5c"
ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
# Embeddings, overrides and isolates of writing direction: they make one name look like another.
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # controls, surrogates, line and paragraph separators
SHOWN_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def parts_of(name: str) -> list[str]:
    """The folders and the file of a path, whichever slashes its archiver wrote."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def shown(name: str) -> str:
    """The name fit for a report, a database and a page: composed, not endless, one line.

    Bytes that could not be decoded are shown like \\xe9. Control characters and changes of
    direction are replaced. Joiners and every kind of space stay: languages need them.
    """
    escaped = ESCAPED_BYTE.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", name)
    composed = unicodedata.normalize("NFC", escaped.replace(HALF_CHARACTER, "\\"))
    printable = composed
    if not composed.isprintable():
        printable = "".join(SHOWN_INSTEAD if _is_unfit(char) else char for char in composed)
    return printable if len(printable) <= SHOWN_CHARACTERS else f"…{printable[-SHOWN_CHARACTERS:]}"


def _is_unfit(char: str) -> bool:
    return char in DIRECTIONS or unicodedata.category(char) in UNPRINTABLE


def points_outside(name: str) -> bool:
    """Whether an archiver that obeyed the name would write outside its folder."""
    flat = name.replace("\\", "/")
    return flat.startswith("/") or DRIVE.match(flat) is not None or ".." in flat.split("/")


def is_litter(name: str) -> bool:
    """What systems leave beside pictures: dot files, resource forks, thumbnail databases."""
    parts = parts_of(name)
    return (
        not parts
        or any(part.startswith(".") and part != ".." for part in parts)
        or "__MACOSX" in parts
        or parts[-1].lower() == "thumbs.db"
    )


def folder_of(name: str) -> str | None:
    """The immediate folder, None at the top. It is a class's identity, not what is shown."""
    parts = parts_of(name)
    return parts[-2] if len(parts) > 1 else None
