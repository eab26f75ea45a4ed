"""what a training goes on from, whether a dataset may be mirrored, events by their type"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("horizontal_flip", sa.Boolean(), nullable=True))
    op.add_column("jobs", sa.Column("resume_from", sa.String(length=32), nullable=True))
    op.create_index("ix_events_job_type_id", "events", ["job", "type", "id"])


def downgrade() -> None:
    op.drop_index("ix_events_job_type_id", "events")
    # Not as a batch: on SQLite that makes the tables anew, and the old one's events go with it.
    op.drop_column("jobs", "resume_from")
    op.drop_column("datasets", "horizontal_flip")
