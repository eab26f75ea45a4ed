"""Code pages: the encodings that names in old archives have where they are not UTF-8."""

import codecs
import re

from app.domain.errors import InvalidRequest

AUTO = "auto"  # UTF-8 where the names are valid UTF-8
USUAL = (
    *("shift_jis", "euc_jp", "gbk", "gb18030", "big5", "euc_kr"),
    *("cp437", "cp850", "cp866", "cp1250", "cp1251", "cp1252", "latin-1", "koi8-r"),
)
NAME = re.compile(r"[a-z0-9][a-z0-9 _:.-]{0,39}", re.ASCII | re.IGNORECASE)
# What Windows and browsers mean by these names: a superset of the standard.
SUPERSETS = {"shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949"}
# A code page leaves ASCII as it is, so that "/" separates folders. UTF-16, EBCDIC, escape
# sequences and IDNA do not.
PROBE = bytes(range(128)) + rb"\u0041.xn--nxasmq6b"


def find_codec(names: str) -> str | None:
    """The Python codec of the code page `names`, None for `auto`.

    Raises InvalidRequest for an unknown code page.
    """
    if names.lower() == AUTO:
        return None
    try:
        if NAME.fullmatch(names):
            codec = codecs.lookup(names).name
            codec = SUPERSETS.get(codec, codec)
            if PROBE.decode(codec) == PROBE.decode("ascii"):
                return codec
    except (LookupError, UnicodeError):  # unknown, or not a code page
        pass
    raise InvalidRequest(
        f"names {names[:50]!r} is not a known code page; usual ones are {', '.join(USUAL)}; "
        f"{AUTO} reads UTF-8",
        field="names",
    )
