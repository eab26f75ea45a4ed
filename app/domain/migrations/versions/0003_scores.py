"""kid of checkpoints, checkpoint and result of jobs"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("checkpoint", sa.String(length=32), nullable=True))
    op.add_column("jobs", sa.Column("result", sa.JSON(), nullable=True))
    op.add_column("checkpoints", sa.Column("kid", sa.Double(), nullable=True))
    op.create_index(
        "ix_checkpoints_scored",
        "checkpoints",
        ["model", "number"],
        sqlite_where=sa.text("kid IS NOT NULL"),
        postgresql_where=sa.text("kid IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_checkpoints_scored", "checkpoints")
    # Not as a batch: on SQLite a batch recreates the table, which deletes the events of its jobs.
    op.drop_column("checkpoints", "kid")
    op.drop_column("jobs", "result")
    op.drop_column("jobs", "checkpoint")
