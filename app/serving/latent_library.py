"""The named latents, directions and projections that one request refers to, read together."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self

from sqlalchemy.orm import Session

from app.domain import named_latents, registry
from app.domain.directions import direction_vectors
from app.domain.errors import Conflict, LimitExceeded, NotFound
from app.domain.projections import projection_latent
from app.domain.tables import Direction, NamedLatent
from models.samples import Point, Vector

# The most different references of one request.
MAX_NAMES, MAX_DIRECTIONS, MAX_PROJECTIONS = 4_096, 256, 64


@dataclass
class References:
    """Names, directions and projections, each with the path in the request where it is used."""

    names: dict[str, str] = field(default_factory=dict)
    directions: dict[str, str] = field(default_factory=dict)
    projections: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.names or self.directions or self.projections)

    def check_count(self) -> None:
        """Raise LimitExceeded for more references than one request may have."""
        for kind, used, most in (
            ("named latents", self.names, MAX_NAMES),
            ("directions", self.directions, MAX_DIRECTIONS),
            ("projections", self.projections, MAX_PROJECTIONS),
        ):
            if len(used) > most:
                raise LimitExceeded(
                    f"the request uses {len(used)} different {kind}; the limit is {most}",
                    field=list(used.values())[most],
                )


class SavedLatent(NamedTuple):
    """What a name stands for. The class is used where a request gives none."""

    point: Point
    class_name: str | None


@dataclass(frozen=True)
class LatentLibrary:
    """The saved values of a request's references; empty for a request without any."""

    latents: dict[str, SavedLatent] = field(default_factory=dict)
    directions: dict[str, Vector] = field(default_factory=dict)
    projections: dict[str, Vector] = field(default_factory=dict)

    @classmethod
    def load(cls, session: Session, model: str, references: References) -> Self:
        """Look up every reference.

        Raises NotFound for an unknown one, with similar names; Conflict for a projection that has
        not succeeded; LimitExceeded for too many references.
        """
        references.check_count()
        latents = {
            row.name: SavedLatent(named_latents.point_of(row), row.class_name)
            for row in named_latents.find_all(session, model, references.names)
        }
        directions = direction_vectors(session, model, references.directions)
        for name, path in references.names.items():
            if name not in latents:
                raise registry.unknown_name(session, NamedLatent, model, name, path)
        for name, path in references.directions.items():
            if name not in directions:
                raise registry.unknown_name(session, Direction, model, name, path)
        projections = {}
        for job_id, path in references.projections.items():
            try:
                projections[job_id] = projection_latent(session, model, job_id)
            except (NotFound, Conflict) as error:
                error.field = path
                raise
        return cls(latents, directions, projections)


EMPTY_LIBRARY = LatentLibrary()
