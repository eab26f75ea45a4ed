"""worker of jobs: the host on which a job was last run"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("worker", sa.String(255), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "worker")
