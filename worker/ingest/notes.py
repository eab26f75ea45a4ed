"""Notes: sentences of the report about the upload as a whole."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Note:
    """A sentence, and its kind with the names and numbers in it, for clients that have words of
    their own. The kind `other` has no figures."""

    text: str
    kind: str = "other"
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "says": self.text} | self.figures
