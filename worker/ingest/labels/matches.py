"""Joins the images of an upload with the rows of its label files, on the disk.

Images and rows arrive in any order, and there may be millions: an SQLite file holds both, and every
join is over indexed keys. A line is a row of a table, or a sidecar.
"""

import posixpath
import sqlite3
import unicodedata
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from worker.ingest.archives.names import display_name, parts_of
from worker.ingest.labels.tables import IMAGE_SUFFIXES

BATCH_ROWS = 1000
MAX_DEPTH = 16  # parts of a row's path; each depth that occurs takes a pass over the images
RANK_STEP = 1 << 40  # more than the number of rows: rank * RANK_STEP + row orders by rank, then row

SCHEMA = """
CREATE TABLE image (number INTEGER PRIMARY KEY, scope INT, path BLOB, stem BLOB, sample BLOB,
                      pack_index INT, duplicate INT, recipe BLOB);
CREATE TABLE line (number INTEGER PRIMARY KEY, file INT, rank INT, scope INT, folder BLOB,
                   path BLOB, depth INT, is_stem INT, class BLOB);
CREATE TABLE match (line INT, image INT);
"""
# What the path in a row of a table is relative to, in order of preference.
PATH_KEYS = (
    "CAST(line.folder || line.path AS BLOB)",  # to the folder of the label file
    "line.path",  # to the top of the archive
)


class Matched(NamedTuple):
    """An image with its index in the pack, or a duplicate with the index of its original."""

    pack_index: int
    is_duplicate: bool
    path: str
    class_name: str | None
    recipe_class: str | None  # the class that the recipe inside the file names


class LabelMatches:
    """Matches images with rows. Add them in any order, call `join` once, then the queries."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE"):
            self._db.execute(f"PRAGMA {setting}")
        self._db.executescript(SCHEMA)
        self._db.execute("BEGIN")
        self._db.create_function("tail", 2, _tail, deterministic=True)
        self._images: list[tuple[Any, ...]] = []
        self._lines: list[tuple[Any, ...]] = []

    def close(self) -> None:
        self._db.close()
        self._path.unlink(missing_ok=True)

    def add_image(
        self,
        scope: int,
        name: str,
        pack_index: int | None,
        recipe_class: str | None,
        *,
        is_duplicate: bool = False,
    ) -> None:
        """Add a received file of archive `scope`, as `LabelFiles.add_image` does."""
        path = "/".join(_parts(name))
        stem, sample = _stem(path), _sample(path)
        keys = (_key(path), _key(stem), _key(sample))
        recipe = None if recipe_class is None else _key(recipe_class)
        self._images.append((scope, *keys, pack_index, is_duplicate, recipe))
        if len(self._images) == BATCH_ROWS:
            self._flush()

    def add_line(
        self, file: int, rank: int, scope: int, folder: str, path: str, class_name: str | None
    ) -> None:
        """Add a row of a table: `path` is relative to `folder`, the folder of the table."""
        parts, base = _parts(path), "/".join(_parts(folder))
        prefix = _key(f"{base}/" if base else "")
        if ".." in parts:
            # No image's path has a folder above the top of the archive.
            whole = posixpath.normpath("/".join([base, *parts]) if base else "/".join(parts))
            prefix, parts = _key(""), [part for part in whole.split("/") if part != ".."]
        joined = "/".join(parts)
        is_stem = not joined.lower().endswith(IMAGE_SUFFIXES)
        self._add_line(file, rank, scope, prefix, joined, len(parts), is_stem, class_name)

    def add_sidecar(
        self, file: int, rank: int, scope: int, name: str, class_name: str | None
    ) -> None:
        """Add a sidecar: its image has the same name with another suffix."""
        path = "/".join(_parts(name))
        self._add_line(file, rank, scope, None, path, 0, 1, class_name)

    def drop_file(self, file: int) -> None:
        """Delete the rows of a table that proves to be damaged."""
        self._flush()
        self._db.execute("DELETE FROM line WHERE file = ?", (file,))

    def join(self) -> None:
        """Match every row with its image."""
        self._flush()
        self._db.create_function("stem_of", 1, _stem_key, deterministic=True)
        self._db.create_function("sample_of", 1, _sample_key, deterministic=True)
        if not self._number("SELECT EXISTS (SELECT 1 FROM line)"):
            return
        self._db.execute("CREATE INDEX line_by_file ON line (file)")
        for column in ("path", "stem"):
            self._join_tables(column)
        self._join_sidecars()
        self._db.execute("CREATE INDEX match_by_line ON match (line)")
        self._db.execute("CREATE INDEX match_by_image ON match (image)")

    def files(self) -> Iterator[tuple[int, int, int, int]]:
        """(file, rows, images that they name, rows that name none) of every label file."""
        yield from self._db.execute(
            "SELECT file, COUNT(DISTINCT line.number), COUNT(DISTINCT match.image),"
            " SUM(match.image IS NULL) FROM line LEFT JOIN match ON match.line = line.number"
            " GROUP BY file ORDER BY file"
        )

    def unmatched(self, file: int, limit: int) -> Generator[str]:
        """The paths of the first `limit` rows of a file that name no image; -1 for all of them."""
        rows = self._db.execute(
            "SELECT path FROM line WHERE file = ? AND NOT EXISTS"
            " (SELECT 1 FROM match WHERE match.line = line.number) ORDER BY number LIMIT ?",
            (file, limit),
        )
        return (_display_name(path) for (path,) in rows)

    def contradicted(self) -> int:
        """The number of images to which rows of one rank give different classes."""
        return self._number(
            "SELECT COUNT(*) FROM (SELECT 1 FROM match JOIN line ON line.number = match.line"
            " GROUP BY image, rank HAVING COUNT(DISTINCT IFNULL(class, '')) > 1)"
        )

    def has_classes(self) -> bool:
        """Whether any packed image gets a class from a label file."""
        return bool(
            self._number(
                "SELECT EXISTS (SELECT 1 FROM match JOIN line ON line.number = match.line"
                " JOIN image ON image.number = match.image"
                " WHERE class IS NOT NULL AND pack_index IS NOT NULL)"
            )
        )

    def recipes(self) -> int:
        """The number of packed images with a recipe that names their class."""
        return self._number(
            "SELECT COUNT(*) FROM image"
            " WHERE pack_index IS NOT NULL AND NOT duplicate AND recipe IS NOT NULL"
        )

    def images(self) -> Iterator[Matched]:
        """Yield every packed image and every duplicate, in the order of the upload. Of several rows
        for an image, the row with the lowest rank counts."""
        rows = self._db.execute(
            f"SELECT pack_index, duplicate, image.path, class, recipe,"
            f" MIN(rank * {RANK_STEP} + line.number) FROM image"
            f" LEFT JOIN match ON match.image = image.number"
            f" LEFT JOIN line ON line.number = match.line"
            f" WHERE pack_index IS NOT NULL GROUP BY image.number ORDER BY image.number"
        )
        for pack_index, is_duplicate, path, class_name, recipe_class, _ in rows:
            names = (_text(path), _name(class_name), _name(recipe_class))
            yield Matched(pack_index, bool(is_duplicate), *names)

    def paths(self) -> Iterator[tuple[int, str]]:
        """(pack_index, path) of every packed image, without the duplicates."""
        rows = self._db.execute(
            "SELECT pack_index, path FROM image WHERE pack_index IS NOT NULL AND NOT duplicate"
            " ORDER BY number"
        )
        for pack_index, path in rows:
            yield pack_index, _text(path)

    def _add_line(self, *row: Any) -> None:
        *numbers, folder, path, depth, is_stem, class_name = row
        class_key = None if class_name is None else _key(class_name)
        self._lines.append((*numbers, folder, _key(path), depth, is_stem, class_key))
        if len(self._lines) == BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._db.executemany(
            "INSERT INTO image (scope, path, stem, sample, pack_index, duplicate, recipe)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            self._images,
        )
        self._db.executemany(
            "INSERT INTO line (file, rank, scope, folder, path, depth, is_stem, class)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            self._lines,
        )
        self._images.clear()
        self._lines.clear()

    def _join_tables(self, column: str) -> None:
        """Match rows of tables by whole paths, then by the last parts of paths if exactly one image
        has them: first in the archive of the table, then in the whole upload."""
        wanted = "folder IS NOT NULL" if column == "path" else "folder IS NOT NULL AND is_stem"
        wanted += " AND line.number NOT IN (SELECT line FROM match)"
        for condition, groups in (("line.scope = known.scope AND", "scope, key"), ("", "key")):
            if not self._number(f"SELECT EXISTS (SELECT 1 FROM line WHERE {wanted})"):
                return
            only = "" if condition else "HAVING COUNT(*) = 1"
            self._index(column, groups, only)
            for key in PATH_KEYS:
                self._match(f"{condition} {key} = known.key", wanted)
            for depth in self._depths(wanted):
                self._index(f"tail({column}, {depth})", groups, "HAVING COUNT(*) = 1")
                self._match(f"{condition} line.path = known.key", f"{wanted} AND depth = {depth}")
            if column == "path":
                self._join_longer(condition, groups, only, wanted)

    def _join_longer(self, condition: str, groups: str, only: str, wanted: str) -> None:
        """Match rows whose path ends with the whole path of an image, as an absolute path does, if
        the image has no row yet and all rows that end so have the same path."""
        if not self._number(f"SELECT EXISTS (SELECT 1 FROM line WHERE {wanted})"):
            return
        self._index("path", groups, only)
        deepest = self._number(f"SELECT MAX(depth) FROM line WHERE {wanted}")
        for depth in range(min(deepest - 1, MAX_DEPTH), 0, -1):
            self._db.execute("DROP TABLE IF EXISTS longer")
            self._db.execute(
                "CREATE TABLE longer AS SELECT line.number AS line, line.path AS path,"
                " known.number AS image FROM line JOIN known"
                f" ON {condition} tail(line.path, {depth}) = known.key"
                f" WHERE {wanted} AND line.depth > {depth}"
                " AND known.number NOT IN (SELECT image FROM match)"
            )
            self._db.execute(
                "INSERT INTO match SELECT line, image FROM longer WHERE image IN"
                " (SELECT image FROM longer GROUP BY image HAVING COUNT(DISTINCT path) = 1)"
            )

    def _depths(self, wanted: str) -> list[int]:
        query = f"SELECT DISTINCT depth FROM line WHERE {wanted} AND depth <= {MAX_DEPTH}"
        return [depth for (depth,) in self._db.execute(query).fetchall()]

    def _join_sidecars(self) -> None:
        for name in ("stem", "sample"):
            # One sidecar of each rank: the first of several with one name.
            self._create_known(
                f"SELECT scope, {name}_of(path) AS key, MIN(number) AS number FROM line"
                " WHERE folder IS NULL AND number NOT IN (SELECT line FROM match)"
                " GROUP BY scope, key, rank"
            )
            self._db.execute(
                "INSERT INTO match SELECT known.number, image.number FROM image JOIN known"
                f" ON image.scope = known.scope AND image.{name} = known.key"
            )

    def _index(self, key: str, groups: str, only: str) -> None:
        """Index images by a key: the first image of each group, or only groups of one image."""
        self._create_known(
            f"SELECT scope, {key} AS key, MIN(number) AS number FROM image GROUP BY {groups} {only}"
        )

    def _create_known(self, query: str) -> None:
        """Create the table of the keys and numbers of images (or sidecars) to match."""
        self._db.execute("DROP TABLE IF EXISTS known")
        self._db.execute(f"CREATE TABLE known AS {query}")
        self._db.execute("CREATE INDEX known_by_key ON known (key, scope)")

    def _match(self, condition: str, lines: str) -> None:
        self._db.execute(
            "INSERT INTO match SELECT line.number, MIN(known.number) FROM line JOIN known"
            f" ON {condition} WHERE {lines} GROUP BY line.number"
        )

    def _number(self, query: str) -> int:
        return int(self._db.execute(query).fetchone()[0] or 0)


def _parts(name: str) -> list[str]:
    """The parts of a path in NFC: macOS stores names decomposed, and tables mostly composed."""
    return parts_of(unicodedata.normalize("NFC", name.strip()))


def _stem(path: str) -> str:
    """The path without the suffix of its file."""
    head, dot, ending = path.rpartition(".")
    return head if dot and "/" not in ending else path


def _sample(path: str) -> str:
    """WebDataset's name of a sample: the path up to the first dot of the file name."""
    folder, slash, file = path.rpartition("/")
    return folder + slash + file.partition(".")[0]


def _key(text: str) -> bytes:
    """Bytes for any str: text in SQLite cannot hold the surrogates of names and of JSON."""
    return text.encode("utf-8", "surrogatepass")


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _name(key: bytes | None) -> str | None:
    return None if key is None else _text(key)


def _display_name(key: bytes) -> str:
    return display_name(_text(key))


def _stem_key(path: bytes) -> bytes:
    return _key(_stem(_text(path)))


def _sample_key(path: bytes) -> bytes:
    return _key(_sample(_text(path)))


def _tail(path: bytes, parts: int) -> bytes:
    return b"/".join(path.split(b"/")[-parts:])
