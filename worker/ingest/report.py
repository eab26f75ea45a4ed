"""The report of an ingest: which files were accepted, are duplicates, or were rejected and why."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from worker.ingest.decoding.levels import Pixels
from worker.ingest.errors import rejection_kind
from worker.ingest.notes import Note

MAX_LISTED_FILES = 1000
MAX_THUMBNAILS = 100
MAX_NOTES = 100
MAX_NAMED = 3  # reasons or label files that a sentence names
UNCLASSIFIED_EXAMPLES = 10  # files
NO_CLASS_REASON = "no class"

# How an image may differ from what its file shows, by the name of the treatment.
TREATMENTS = {
    "profile": "converted to sRGB from the colour profile of the file",
    "profile_ignored": "taken without a colour profile: that of the file is damaged or for other "
    "channels",
    "colours_ignored": "taken as sRGB: the gamma value and primaries of a PNG without a profile "
    "(gAMA, cHRM, cICP) are not used",
    "cmyk": "converted from CMYK by a simple formula, without a colour profile",
    "depth": "reduced to 8 bits a value, from 16 bits or decimal numbers",
    "metadata": "read without metadata that is damaged",
    "enlarged": "enlarged to the size of the dataset, which adds no detail: a smaller size would "
    "show as much",
    "first_image": "taken from a file with several pictures, of which only the first is used",
}


@dataclass
class TreatedFiles:
    """The number of files with one treatment, and the name of the first."""

    first: str
    count: int = 0

    def note(self, treatment: str) -> Note:
        figures = {"treatment": treatment, "count": self.count, "file": self.first}
        return Note(self._sentence(treatment), "treated", figures)

    def _sentence(self, treatment: str) -> str:
        pictures = "1 picture was" if self.count == 1 else f"{self.count:,} pictures were"
        first = self.first if self.count == 1 else f"the first is {self.first}"
        return f"{pictures} {TREATMENTS[treatment]} ({first})."


@dataclass(frozen=True)
class Unclassified:
    """The images without a class where others have one, and the first of their files."""

    count: int
    files: list[str]
    left_out: bool
    classes: int  # of the other images

    def note(self) -> Note:
        figures = self.to_json() | {"classes": self.classes}
        return Note(self._sentence(), "unclassified", figures)

    def _sentence(self) -> str:
        without = "1 picture has" if self.count == 1 else f"{self.count:,} pictures have"
        beyond = ", …" if self.count > len(self.files) else ""
        listed = f"{without} no class ({', '.join(self.files)}{beyond})"
        if self.left_out:
            return f"{listed}, and unclassified=drop left them out."
        return (
            f"{listed}, so the dataset has none of the {self.classes:,} classes of the others. To "
            "keep the classes, upload again with unclassified=drop, which leaves these pictures "
            "out, or put them into class folders."
        )

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "files": self.files, "left_out": self.left_out}


@dataclass(frozen=True)
class LabelFileReport:
    """A label file that was used, or all sidecar files with one ending in one archive."""

    file: str
    files: int
    rows: int
    pictures: int  # named by its rows
    without_picture_count: int  # rows whose picture is not in the upload
    without_picture: list[str]  # the first of these rows


@dataclass
class LabelReport:
    """The source of the classes, unless it is folders alone.

    `source` is "files", "recipes" (inside generated images), or None where label files were read
    and gave no image a class. `without_class` lists the first images for which they give no class.
    """

    source: str | None
    files: list[LabelFileReport] = field(default_factory=list)
    contradicted: int = 0  # images to which rows give different classes
    contradicted_duplicates: int = 0  # in another class than the image that they repeat
    with_class: int = 0
    without_class_count: int = 0
    without_class: list[str] = field(default_factory=list)

    def add_without_class(self, file: str) -> None:
        self.without_class_count += 1
        if len(self.without_class) < MAX_LISTED_FILES:
            self.without_class.append(file)

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "says": self._says(),
            "with_class": self.with_class,
            "files": [asdict(file) for file in self.files],
            "contradicted": self.contradicted,
            "without_class_count": self.without_class_count,
            "without_class": self.without_class,
        }

    def _says(self) -> str:
        if self.source == "recipes":
            return f"the recipes inside the pictures name the classes of {self.with_class:,}"
        names = ", ".join(file.file for file in self.files[:MAX_NAMED])
        names += ", …" if len(self.files) > MAX_NAMED else ""
        if self.source is None:
            return f"{names} gave no picture a class: folders are the classes, if there are any"
        says = f"{names} gave {self.with_class:,} pictures their classes; folders are not used"
        if self.without_class_count:
            count = self.without_class_count
            pictures = "1 picture has" if count == 1 else f"{count:,} pictures have"
            says += f"; {pictures} no class"
        missing = sum(file.without_picture_count for file in self.files)
        if missing:
            rows = "1 row names" if missing == 1 else f"{missing:,} rows name"
            says += f"; {rows} no picture of the upload"
        if self.contradicted:
            says += (
                f"; {self.contradicted:,} pictures are given different classes: "
                "the first row counts"
            )
        return says


@dataclass
class Report:
    """Every received file is accepted, a duplicate, or rejected; `listed` has the first rejected,
    of which some name one of the `thumbnails`.

    A label file that was used does not count as received. `notes` are about the upload as a whole.
    `doctor` has the findings about the accepted images.
    """

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    listed: list[dict[str, Any]] = field(default_factory=list)
    thumbnails: list[Pixels] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)  # of reasons for rejections
    notes: list[Note] = field(default_factory=list)
    unclassified: Unclassified | None = None
    treated: dict[str, TreatedFiles] = field(default_factory=dict)  # by key of TREATMENTS
    doctor: dict[str, Any] | None = None
    labels: LabelReport | None = None

    @property
    def received(self) -> int:
        return self.accepted + self.duplicates + self.rejected

    @property
    def has_room_for_thumbnails(self) -> bool:
        return len(self.thumbnails) < MAX_THUMBNAILS and len(self.listed) < MAX_LISTED_FILES

    def reject(
        self, file: str, reason: str, thumbnail: Pixels | None = None, **figures: int
    ) -> None:
        """Count a file that is left out; `figures` are numbers in the reason."""
        self.rejected += 1
        self.kinds[reason.partition(":")[0]] += 1
        if len(self.listed) == MAX_LISTED_FILES:
            return
        rejection = {"file": file, "reason": reason, "kind": rejection_kind(reason)} | figures
        if thumbnail is not None and len(self.thumbnails) < MAX_THUMBNAILS:
            rejection["thumbnail"] = len(self.thumbnails)
            self.thumbnails.append(thumbnail)
        self.listed.append(rejection)

    def note(self, note: Note) -> None:
        """Add a note that is not there yet. After 100, a last note says that there are more."""
        if note in self.notes:
            return
        if len(self.notes) < MAX_NOTES:
            self.notes.append(note)
        elif len(self.notes) == MAX_NOTES:
            self.notes.append(Note("There are more notes, which are not listed.", "more_notes"))

    def count(self, treatment: str, file: str) -> None:
        """Count a file with a treatment, a key of TREATMENTS."""
        self.treated.setdefault(treatment, TreatedFiles(file)).count += 1

    def drop_unclassified(self, count: int, files: list[tuple[str, Pixels | None]]) -> None:
        """Move accepted images to the rejected ones; `files` are the first of them, with their
        thumbnails."""
        for file, thumbnail in files:
            self.reject(file, f"{NO_CLASS_REASON}: neither a class folder nor a label", thumbnail)
        self.kinds[NO_CLASS_REASON] += count - len(files)
        self.rejected += count - len(files)
        self.accepted -= count

    def drop_near_duplicates(self, near_duplicates: int) -> None:
        """Move accepted images that are left out to the duplicates."""
        self.accepted -= near_duplicates
        self.duplicates += near_duplicates

    def too_few(self, needed: int, dark: str | None = None) -> str:
        """The message about too few images; `dark` is `ValueRanges.narrow_sentence`."""
        kinds = self.kinds + Counter({"duplicate": self.duplicates})
        reasons = ", ".join(f"{count:,} × {kind}" for kind, count in kinds.most_common(MAX_NAMED))
        first = f" ({self.listed[0]['file']}: {self.listed[0]['reason']})" if self.listed else ""
        return (
            f"{self.accepted:,} of {self.received:,} files can be used, and a dataset needs at "
            f"least {needed}"
            + (f"; left out: {reasons}{first}" if reasons else "")
            + (f"; {dark}: levels=auto spreads them from black to white" if dark else "")
        )

    def too_few_facts(self, needed: int) -> dict[str, Any]:
        """The kind and the figures of `too_few`."""
        figures = {"accepted": self.accepted, "received": self.received, "needed": needed}
        return {"kind": "too_few_pictures"} | figures

    def to_json(self) -> dict[str, Any]:
        notes = [
            *(treated.note(kind) for kind, treated in sorted(self.treated.items())),
            *([self.unclassified.note()] if self.unclassified else []),
            *self.notes,
        ]
        return {
            "received": self.received,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected_count": self.rejected,
            "rejected": self.listed,
            "notes": [note.text for note in notes],
            "remarks": [note.to_json() for note in notes],
            "unclassified": self.unclassified and self.unclassified.to_json(),
            "labels": self.labels and self.labels.to_json(),
            "doctor": self.doctor,
        }
