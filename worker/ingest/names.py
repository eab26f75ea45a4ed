"""The names that files have in an upload. They are shown and sorted by, never opened."""

import re
import unicodedata

SHOWN_CHARACTERS = 300
DRIVE = re.compile(r"[A-Za-z]:")


def parts_of(name: str) -> list[str]:
    """The folders and the file of a path, whichever slashes its archiver wrote."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def shown(name: str) -> str:
    """The name fit for a report, a database and a page: printable, composed, not endless."""
    composed = unicodedata.normalize("NFC", name)
    printable = "".join(
        one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in composed
    )
    return printable if len(printable) <= SHOWN_CHARACTERS else f"…{printable[-SHOWN_CHARACTERS:]}"


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
    """The name of the immediate folder, None at the top."""
    parts = parts_of(name)
    return shown(parts[-2]) if len(parts) > 1 else None
