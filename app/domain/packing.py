"""How the pictures of an upload are packed into a dataset: the options of the request."""

import codecs
import re
from dataclasses import asdict, dataclass
from typing import Any, Self

from app.domain.errors import InvalidRequest
from models.config import MAX_SIDE, MIN_SIDE

SIZE = re.compile(r"(\d{1,4})(?:x(\d{1,4}))?", re.ASCII)
CHOICES = {
    "fit": ("crop", "pad", "stretch"),
    "channels": ("auto", "rgb", "grey", "rgba"),
    "horizontal_flip": ("auto", "yes", "no"),
    "near_duplicates": ("keep", "drop"),
    "unclassified": ("ignore-classes", "drop"),
    "levels": ("full", "auto"),
}
# Code pages: the encodings of file names in old archives whose names are not UTF-8.
AUTO_CODE_PAGE = "auto"  # UTF-8 where the names are valid UTF-8
COMMON_CODE_PAGES = (
    *("shift_jis", "euc_jp", "gbk", "gb18030", "big5", "euc_kr"),
    *("cp437", "cp850", "cp866", "cp1250", "cp1251", "cp1252", "latin-1", "koi8-r"),
)
CODE_PAGE_NAME = re.compile(r"[a-z0-9][a-z0-9 _:.-]{0,39}", re.ASCII | re.IGNORECASE)
# Windows and browsers use these names for supersets of the standard encodings.
SUPERSETS = {"shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}
# A code page leaves ASCII unchanged, so that "/" separates folders. UTF-16, EBCDIC, escape
# sequences and IDNA change it.
ASCII_PROBE = bytes(range(128)) + rb"\u0041.xn--nxasmq6b"


@dataclass(frozen=True, kw_only=True)
class PackingRequest:
    """The options for every picture of an upload. `size` is a side, or WIDTHxHEIGHT."""

    size: str = "64"
    fit: str = "crop"
    channels: str = "auto"
    horizontal_flip: str = "auto"  # auto: measured on the pictures
    near_duplicates: str = "keep"  # keep: they are only reported
    unclassified: str = "ignore-classes"  # where only some of the pictures have a class
    names: str = AUTO_CODE_PAGE  # the code page of names in archives that are not UTF-8
    levels: str = "full"  # auto: the darkest value becomes black, the brightest white

    def __post_init__(self) -> None:
        for field, values in CHOICES.items():
            value = getattr(self, field)
            if value not in values:
                raise InvalidRequest(
                    f"{field} {value[:50]!r} is not one of {', '.join(values)}", field=field
                )
        if not all(MIN_SIDE <= side <= MAX_SIDE for side in self.sides):
            raise InvalidRequest(
                f"size {self.size[:50]!r} is neither a side like 64 nor WIDTHxHEIGHT like 96x64; "
                f"a side is {MIN_SIDE} to {MAX_SIDE} pixels",
                field="size",
            )
        find_codec(self.names)

    @property
    def sides(self) -> tuple[int, int]:
        """(width, height); (0, 0) if `size` is malformed."""
        match = SIZE.fullmatch(self.size)
        if match is None:
            return 0, 0
        width, height = match.groups()
        return int(width), int(height or width)

    def to_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Options that an older version did not store get their defaults."""
        return cls(**{name: str(data[name]) for name in asdict(cls()) if name in data})


def find_codec(code_page: str) -> str | None:
    """Return the Python codec of a code page, None for `auto`.

    Raises InvalidRequest for an unknown code page.
    """
    if code_page.lower() == AUTO_CODE_PAGE:
        return None
    try:
        if CODE_PAGE_NAME.fullmatch(code_page):
            codec = codecs.lookup(code_page).name
            codec = SUPERSETS.get(codec, codec)
            if ASCII_PROBE.decode(codec) == ASCII_PROBE.decode("ascii"):
                return codec
    except (LookupError, UnicodeError):  # unknown, or not a code page
        pass
    raise InvalidRequest(
        f"names {code_page[:50]!r} is not a known code page; common ones are "
        f"{', '.join(COMMON_CODE_PAGES)}; {AUTO_CODE_PAGE} means UTF-8",
        field="names",
    )
