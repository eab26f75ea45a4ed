"""File names in uploads: their folders, their display, their code page. No file is opened by them.

A name is a str that stands for exactly the bytes in the archive: bytes that are not text are
surrogate escapes (PEP 383). It identifies a file or a class; `display_name` makes it readable.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.ingest.notes import Note

MAX_DISPLAY_CHARACTERS = 300
DRIVE = re.compile(r"[A-Za-z]:")
# Stands for a byte 0x5C that may be the second half of a double-byte character, not a backslash.
HALF_CHARACTER = "\udc5c"
ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
# Embeddings, overrides and isolates of writing direction: they make one name look like another.
DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # controls, surrogates, line and paragraph separators
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# With fewer different non-ASCII characters, names may be valid UTF-8 by coincidence: the two bytes
# of a Chinese character in GBK are valid UTF-8 in 14 % of cases.
FEW_CHARACTERS = 4
EXAMPLES = 3
UTF_8 = "utf-8"
ESCAPE = "surrogateescape"


def parts_of(name: str) -> list[str]:
    """The folders and the file of a path, with slashes or backslashes."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def display_name(name: str) -> str:
    """Return the name for a report, a database or a page: NFC, at most 300 characters, one line.

    Bytes that are not text are shown as \\xe9. Control characters and changes of writing direction
    are replaced. Joiners and all kinds of spaces stay, because languages need them.
    """
    escaped = ESCAPED_BYTE.sub(lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", name)
    composed = unicodedata.normalize("NFC", escaped.replace(HALF_CHARACTER, "\\"))
    printable = composed
    if not composed.isprintable():
        printable = "".join(REPLACEMENT if _is_unfit(char) else char for char in composed)
    is_short = len(printable) <= MAX_DISPLAY_CHARACTERS
    return printable if is_short else f"…{printable[-MAX_DISPLAY_CHARACTERS:]}"


def _is_unfit(char: str) -> bool:
    return char in DIRECTIONS or unicodedata.category(char) in UNPRINTABLE


def points_outside(name: str) -> bool:
    """Whether extracting a file of this name would write outside the target folder."""
    flat = name.replace("\\", "/")
    return flat.startswith("/") or DRIVE.match(flat) is not None or ".." in flat.split("/")


def is_litter(name: str) -> bool:
    """Whether an operating system made the file: dot files, resource forks, thumbnail databases."""
    parts = parts_of(name)
    return (
        not parts
        or any(part.startswith(".") and part != ".." for part in parts)
        or "__MACOSX" in parts
        or parts[-1].lower() == "thumbs.db"
    )


def folder_of(name: str) -> str | None:
    """Return the immediate folder, which identifies a class; None for a file without a folder."""
    parts = parts_of(name)
    return parts[-2] if len(parts) > 1 else None


class NameDecoder:
    """Decodes the names that an archive does not mark as UTF-8, all in one code page.

    `named` is the code page that the user named; `default` is the code page of the format, used
    where the names are not UTF-8. Names that no code page decodes keep their bytes, as surrogate
    escapes.
    """

    def __init__(self, archive: str, named: str | None, default: str | None = None) -> None:
        self._archive = archive
        self._named = named
        self._default = default
        self._code_pages = [UTF_8]
        self._undecoded = 0
        self._examples: list[str] = []

    def choose_code_page(self, names: Iterable[bytes]) -> None:
        """Choose the code page from all names of the archive; exhausts `names`."""
        characters: set[str] = set()
        is_utf_8 = True
        for raw in names:
            try:
                characters.update(char for char in raw.decode() if not char.isascii())
            except UnicodeDecodeError:
                is_utf_8 = False
        if not is_utf_8:
            self._code_pages = [self._named, UTF_8] if self._named else []
        elif self._named and len(characters) < FEW_CHARACTERS:
            self._code_pages = [self._named, UTF_8]

    def decode(self, raw: bytes) -> str:
        if raw.isascii():
            return raw.decode()
        for code_page in self._code_pages:
            try:
                return raw.decode(code_page)
            except UnicodeDecodeError:
                pass
        return self._undecodable(raw)

    def _undecodable(self, raw: bytes) -> str:
        """Text in the default code page, or escaped bytes; different for different bytes.

        A byte 0x5C is a backslash or the second half of a double-byte character.
        """
        encoding, errors = (self._default, "strict") if self._default else (UTF_8, ESCAPE)
        separated = b"/" in raw
        pieces = raw.split(b"\\")
        name = pieces[0].decode(encoding, errors)
        for before, piece in itertools.pairwise(pieces):
            is_half = separated or (before[-1:] >= b"\x80")
            name += (HALF_CHARACTER if is_half else "\\") + piece.decode(encoding, errors)
        self._undecoded += 1
        if len(self._examples) < EXAMPLES:
            self._examples.append(display_name(name))
        return name

    def notes(self) -> Iterator[Note]:
        """Notes for the report, complete after the last name."""
        if not self._undecoded:
            return
        count, examples = self._undecoded, ", ".join(self._examples)
        fault = "are not UTF-8" if self._named is None else f"are neither UTF-8 nor {self._named}"
        read_as = f"; they were read as {self._default}" if self._default else ""
        yield Note(
            f"{self._archive}: {count:,} names {fault}{read_as}, like {examples}. If they or the "
            "classes look wrong, upload again and name the code page, like names=shift_jis.",
            "undecoded_names",
            {
                "archive": self._archive,
                "count": count,
                "examples": self._examples,
                "read_as": self._default,
            },
        )


class FileNames:
    """The display name of the file of each packed image, one per line of a file on the disk.

    A display name has no line break.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("w", encoding="utf-8")

    def add(self, name: str) -> None:
        self._file.write(f"{display_name(name)}\n")

    def of(self, indices: set[int]) -> dict[int, str]:
        """The names of the images at these indices."""
        self._file.flush()
        with self._path.open(encoding="utf-8", newline="\n") as lines:
            return {index: line[:-1] for index, line in enumerate(lines) if index in indices}

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Drop the names of the images that are not kept."""
        self._file.close()
        unfiltered = self._path.rename(self._path.with_suffix(".whole"))
        with unfiltered.open(encoding="utf-8", newline="\n") as lines:
            self._file = self._path.open("w", encoding="utf-8")
            self._file.writelines(itertools.compress(lines, kept))
        unfiltered.unlink()

    def close(self) -> None:
        """Close and delete the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)
