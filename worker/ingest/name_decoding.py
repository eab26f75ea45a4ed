"""From the bytes of the names in one archive to text, in one code page for all of them."""

import itertools
from collections.abc import Iterable, Iterator

from worker.ingest.members import Notice
from worker.ingest.names import HALF_CHARACTER, shown

# A UTF-8 text with fewer different non-ASCII characters may be another code page by chance: the
# two bytes of one Chinese character in GBK are valid UTF-8 in 14 % of cases.
FEW_CHARACTERS = 4
EXAMPLES = 3
UTF_8 = "utf-8"
ESCAPE = "surrogateescape"


class NameDecoder:
    """Decodes names that their archive does not mark as UTF-8.

    `named` is the code page that the user named, `default` the one that the format has where its
    names are not UTF-8. What no code page decodes stays bytes, in surrogate escapes.
    """

    def __init__(self, archive: str, named: str | None, default: str | None = None) -> None:
        self._archive = archive
        self._named = named
        self._default = default
        self._code_pages = [UTF_8]
        self._undecoded = 0
        self._examples: list[str] = []

    def look_at(self, names: Iterable[bytes]) -> None:
        """Choose the code page by all names of the archive; every one of them is read."""
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
        """Text of the default code page, or escaped bytes; different for different bytes.

        0x5C is a backslash, or the second half of a double-byte character.
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
            self._examples.append(shown(name))
        return name

    def notices(self) -> Iterator[Notice]:
        """What the user is to know, after the last name."""
        if not self._undecoded:
            return
        count, examples = self._undecoded, ", ".join(self._examples)
        fault = "are not UTF-8" if self._named is None else f"are neither UTF-8 nor {self._named}"
        read_as = f"; they were read as {self._default}" if self._default else ""
        yield Notice(
            f"{self._archive}: {count:,} names {fault}{read_as}, like {examples}. If they or the "
            "classes look wrong, upload again and name the code page, like names=shift_jis."
        )
