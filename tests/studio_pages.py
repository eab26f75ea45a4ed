"""The pages of the studio in place of those that `make studio` builds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.routes import studio

SCRIPT_PATH, FONT_PATH = "/assets/page-1a2b.js", "/assets/font-3c4d.woff2"
PAGE = '<!doctype html><base href="/" /><script src="./assets/page-1a2b.js"></script>'
SCRIPT = "console.log('a page of the studio');" * 100


@contextmanager
def pages(folder: Path) -> Iterator[None]:
    """Serve small pages from the folder."""
    (folder / "assets").mkdir(parents=True)
    for name in ("index.html", "docs.html"):
        (folder / name).write_text(PAGE)
    (folder / "assets" / "page-1a2b.js").write_text(SCRIPT)
    (folder / "assets" / "font-3c4d.woff2").write_bytes(b"font" * 1000)
    with served_from(folder):
        yield


@contextmanager
def served_from(folder: Path) -> Iterator[None]:
    """Serve what is in the folder, which may not exist."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(studio, "FOLDER", folder)
        yield
