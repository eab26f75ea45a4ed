"""Text for the console: any encoding, tables, figures, and the confirmation of a deletion."""

import codecs
import io
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from app.cli.errors import CommandError, WrongUsage

ERROR_HANDLER = "moggy-console"  # its name among Python's codec error handlers
JOINERS = "\u200c\u200d"
ASCII_SIGNS = {"×": "x", "…": "...", "–": "-", "—": "-", "±": "+/-", "→": "->", "²": "^2"}


def prepare_streams() -> None:
    """Let stdout and stderr replace characters that their encoding lacks, instead of failing."""
    codecs.register_error(ERROR_HANDLER, _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ERROR_HANDLER)


def printable(text: object) -> str:
    """`text` on one line, with an escape for each control character and each non-UTF-8 byte."""
    return "".join(
        character if _is_printable(character) else _escape(character) for character in str(text)
    )


def _is_printable(character: str) -> bool:
    """Spaces of every width and the joiners of scripts and emoji are part of names."""
    return (
        character.isprintable() or unicodedata.category(character) == "Zs" or character in JOINERS
    )


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    replaced = "".join(ASCII_SIGNS.get(character) or _escape(character) for character in text)
    return replaced, error.end


def _escape(character: str) -> str:
    """`\\n`, `\\u732b`; for a byte of a file name that is not UTF-8, `\\xe9`."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, two spaces apart."""
    lines = [columns, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def figure(value: float | None) -> str:
    """Three significant digits."""
    return "-" if value is None else f"{value:#.3g}"


def local_time(text: str) -> str:
    """A timestamp of the service in local time."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 file`, `1,200 files`."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def size(count: float) -> str:
    """Bytes as `999 B`, `1.0 kB`, `9.4 MB` or `12.0 GB`."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def confirm_deletion(subject: str, *, confirmed: bool) -> None:
    """Ask on a terminal whether to delete `subject`; without a terminal, require --yes."""
    if confirmed:
        return
    if not sys.stdin.isatty():
        raise WrongUsage(
            f"{subject} was not deleted: standard input is not a terminal on which you could "
            "confirm it. Use --yes to delete without asking."
        )
    print(f"Delete {subject}? This cannot be undone. [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError(f"{subject} was not deleted.")
