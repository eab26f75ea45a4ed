"""resume_from of jobs, horizontal_flip of datasets, an index of events by type"""

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
    # Not as a batch: on SQLite a batch recreates the table, which deletes the events of its jobs.
    op.drop_column("jobs", "resume_from")
    op.drop_column("datasets", "horizontal_flip")
