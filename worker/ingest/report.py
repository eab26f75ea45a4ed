"""What became of each file: accepted, a duplicate, or rejected with a reason."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

MAX_LISTED = 1000
MAX_NOTES = 100
MOST_COMMON = 3
EXAMPLES = 10
NO_CLASS = "no class"

# What was done to a picture that its file does not show, or left out of account.
TREATMENTS = {
    "profile": "converted to sRGB from the colour profile of the file",
    "profile_ignored": "taken without the colour profile of the file, which is damaged or for "
    "another kind of picture",
    "colours_ignored": "taken as sRGB, whatever gamma value or primaries the PNG gives (gAMA, cHRM "
    "or cICP): without a profile they are not used",
    "metadata": "read without the metadata of the file, parts of which are damaged",
    "enlarged": "enlarged, which adds no detail: smaller than the size of the dataset. A smaller "
    "size would keep all that they show",
    "first_image": "taken from a file of several: it is the first, the others were left out",
}


@dataclass
class Treated:
    """How many files, and the first of them."""

    first: str
    files: int = 0

    def sentence(self, treatment: str) -> str:
        pictures = "1 picture was" if self.files == 1 else f"{self.files:,} pictures were"
        first = self.first if self.files == 1 else f"the first is {self.first}"
        return f"{pictures} {TREATMENTS[treatment]} ({first})."


@dataclass(frozen=True)
class Unclassified:
    """Pictures without a class where others have one, and the first of their files."""

    count: int
    files: list[str]
    left_out: bool
    classes: int  # that the others have

    def sentence(self) -> str:
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
    """A label file that was used, or all sidecars of one ending in one archive."""

    file: str
    files: int
    rows: int
    pictures: int  # that its rows name
    without_picture_count: int  # rows that name no picture
    without_picture: list[str]  # the first of them


@dataclass
class LabelReport:
    """Where the classes come from, where that is not folders alone.

    `source`: files, recipes (inside generated images), or None where label files were read and
    gave no class. `without_class` has the first of the pictures that label files left without.
    """

    source: str | None
    files: list[LabelFileReport] = field(default_factory=list)
    contradicted: int = 0  # pictures that rows give different classes
    contradicted_duplicates: int = 0  # in another class than the picture that they repeat
    with_class: int = 0
    without_class_count: int = 0
    without_class: list[str] = field(default_factory=list)

    def add_without_class(self, file: str) -> None:
        self.without_class_count += 1
        if len(self.without_class) < MAX_LISTED:
            self.without_class.append(file)

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "says": self._says(),
            "files": [asdict(file) for file in self.files],
            "contradicted": self.contradicted,
            "without_class_count": self.without_class_count,
            "without_class": self.without_class,
        }

    def _says(self) -> str:
        if self.source == "recipes":
            return f"the recipes inside the pictures name the classes of {self.with_class:,}"
        names = ", ".join(file.file for file in self.files[:MOST_COMMON])
        names += ", …" if len(self.files) > MOST_COMMON else ""
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
    """Every received file is counted in one of the three; the first rejected are listed. A label
    file that was used is not received.

    `notes` are sentences about the upload beside its files. `doctor` is what was found when the
    accepted ones were examined.
    """

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    listed: list[dict[str, str]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    unclassified: Unclassified | None = None
    treated: dict[str, Treated] = field(default_factory=dict)  # by a kind of TREATMENTS
    doctor: dict[str, Any] | None = None
    labels: LabelReport | None = None

    @property
    def received(self) -> int:
        return self.accepted + self.duplicates + self.rejected

    def reject(self, file: str, reason: str) -> None:
        self.rejected += 1
        self.kinds[reason.partition(":")[0]] += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append({"file": file, "reason": reason})

    def note(self, sentence: str) -> None:
        """Add a note; beyond 100 only the last one goes on to say that there are more."""
        if sentence in self.notes:
            return
        if len(self.notes) < MAX_NOTES:
            self.notes.append(sentence)
        elif len(self.notes) == MAX_NOTES:
            self.notes.append("There is more of this kind, which is not listed.")

    def count(self, treatment: str, file: str) -> None:
        """Count a file that was treated so, one of TREATMENTS."""
        self.treated.setdefault(treatment, Treated(file)).files += 1

    def drop_unclassified(self, count: int, files: list[str]) -> None:
        """Count accepted pictures, the first by their files, among the rejected."""
        for file in files:
            self.reject(file, f"{NO_CLASS}: neither a class folder nor a label")
        self.kinds[NO_CLASS] += count - len(files)
        self.rejected += count - len(files)
        self.accepted -= count

    def drop(self, near_duplicates: int) -> None:
        """Count so many accepted pictures among the duplicates, for they are left out."""
        self.accepted -= near_duplicates
        self.duplicates += near_duplicates

    def too_few(self, needed: int, dark: str | None = None) -> str:
        """A sentence about a dataset that came to too little; `dark` tells of its values where
        they are all much the same."""
        kinds = self.kinds + Counter({"duplicate": self.duplicates})
        reasons = ", ".join(f"{count:,} × {kind}" for kind, count in kinds.most_common(MOST_COMMON))
        first = f" ({self.listed[0]['file']}: {self.listed[0]['reason']})" if self.listed else ""
        return (
            f"{self.accepted:,} of {self.received:,} files can be used, and a dataset needs at "
            f"least {needed}"
            + (f"; left out: {reasons}{first}" if reasons else "")
            + (f"; {dark}: levels=auto spreads them from black to white" if dark else "")
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "received": self.received,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected_count": self.rejected,
            "rejected": self.listed,
            "notes": [
                *(treated.sentence(kind) for kind, treated in sorted(self.treated.items())),
                *([self.unclassified.sentence()] if self.unclassified else []),
                *self.notes,
            ],
            "unclassified": self.unclassified and self.unclassified.to_json(),
            "labels": self.labels and self.labels.to_json(),
            "doctor": self.doctor,
        }
