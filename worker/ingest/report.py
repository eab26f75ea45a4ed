"""What became of each file: accepted, a duplicate, or rejected with a reason."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MAX_LISTED = 1000
MAX_NOTES = 100
MOST_COMMON = 3


@dataclass
class Report:
    """Every received file is counted in one of the three; the first rejected are listed.

    `notes` are sentences about the upload beside its files. `doctor` is what was found when the
    accepted ones were examined.
    """

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    listed: list[dict[str, str]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    doctor: dict[str, Any] | None = None

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
        if len(self.notes) < MAX_NOTES:
            self.notes.append(sentence)
        elif len(self.notes) == MAX_NOTES:
            self.notes.append("There is more of this kind, which is not listed.")

    def drop(self, near_duplicates: int) -> None:
        """Count so many accepted pictures among the duplicates, for they are left out."""
        self.accepted -= near_duplicates
        self.duplicates += near_duplicates

    def too_few(self, needed: int) -> str:
        """A sentence about a dataset that came to too little."""
        kinds = self.kinds + Counter({"duplicate": self.duplicates})
        reasons = ", ".join(f"{count:,} × {kind}" for kind, count in kinds.most_common(MOST_COMMON))
        first = f" ({self.listed[0]['file']}: {self.listed[0]['reason']})" if self.listed else ""
        return (
            f"of {self.received:,} files received {self.accepted:,} can be used, and a dataset "
            f"needs at least {needed}" + (f"; left out: {reasons}{first}" if reasons else "")
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "received": self.received,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected_count": self.rejected,
            "rejected": self.listed,
            "notes": self.notes,
            "doctor": self.doctor,
        }
