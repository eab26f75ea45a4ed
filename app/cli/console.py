"""Text for any console: what its encoding lacks is replaced, and never ends a command."""

import codecs
import io
import sys
import unicodedata

HANDLER = "moggy-console"  # as Python's codecs know it
JOINERS = "\u200c\u200d"
SIGNS = {"×": "x", "…": "...", "–": "-", "—": "-", "±": "+/-", "→": "->", "²": "^2"}


def prepare_streams() -> None:
    """Let stdout and stderr write every text, in whatever encoding they have."""
    codecs.register_error(HANDLER, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def printable(text: object) -> str:
    """One line of text, with an escape for each control character and each byte not UTF-8."""
    return "".join(one if _is_shown(one) else _escape(one) for one in str(text))


def _is_shown(character: str) -> bool:
    """Spaces of every width and the joiners of scripts and emoji are part of names."""
    return (
        character.isprintable() or unicodedata.category(character) == "Zs" or character in JOINERS
    )


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(SIGNS.get(one) or _escape(one) for one in text), error.end


def _escape(character: str) -> str:
    """`\\n`, `\\u732b`; for a byte of a file name that is not UTF-8, `\\xe9`."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
