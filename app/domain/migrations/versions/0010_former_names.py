"""former names of models"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_names",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.name"], name="fk_former_names_model", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("name", name="pk_former_names"),
    )


def downgrade() -> None:
    op.drop_table("former_names")
