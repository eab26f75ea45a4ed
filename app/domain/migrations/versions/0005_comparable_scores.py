"""scored_against of checkpoints: which scores are comparable"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("scored_against", sa.String(length=160), nullable=True))
    scored = sa.text(
        "SELECT checkpoints.number, checkpoints.metrics, jobs.id, datasets.content_hash"
        " FROM checkpoints LEFT JOIN jobs ON jobs.id = checkpoints.job"
        " LEFT JOIN datasets ON datasets.name = jobs.dataset"
        # A younger dataset of the same name holds other pictures.
        " AND datasets.created_at <= jobs.created_at"
        " WHERE checkpoints.kid IS NOT NULL"
    ).columns(metrics=sa.JSON())
    write = sa.text("UPDATE checkpoints SET scored_against = :against WHERE number = :number")
    connection = op.get_bind()
    for number, metrics, job, content_hash in connection.execute(scored).all():
        against = f"{content_hash or job or ''} {(metrics or {}).get('embedding', '')}"
        connection.execute(write, {"against": against, "number": number})


def downgrade() -> None:
    op.drop_column("checkpoints", "scored_against")
