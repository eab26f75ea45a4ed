"""error_facts of jobs and datasets: the kind of an error, and the figures in its sentence"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("error_facts", sa.JSON(), nullable=True))
    op.add_column("datasets", sa.Column("error_facts", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("datasets", "error_facts")
    op.drop_column("jobs", "error_facts")
