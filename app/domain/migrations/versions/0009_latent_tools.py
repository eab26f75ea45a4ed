"""checkpoint files, named latents and directions"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "checkpoint_files",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("checkpoint", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["checkpoint"],
            ["checkpoints.id"],
            name="fk_checkpoint_files_checkpoint",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name="pk_checkpoint_files"),
        sa.UniqueConstraint("checkpoint", "kind", name="uq_checkpoint_files_checkpoint_kind"),
    )
    op.create_table(
        "latents",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("latent", sa.LargeBinary(), nullable=True),
        sa.Column("source", sa.JSON(), nullable=False),
        sa.Column("class_name", sa.String(255), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("checkpoint", sa.String(32), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.name"], name="fk_latents_model", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_latents"),
        sa.UniqueConstraint("model", "name", name="uq_latents_model_name"),
    )
    op.create_table(
        "directions",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("checkpoint", sa.String(32), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model"], ["models.name"], name="fk_directions_model", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("number", name="pk_directions"),
        sa.UniqueConstraint("model", "name", name="uq_directions_model_name"),
    )


def downgrade() -> None:
    op.drop_table("directions")
    op.drop_table("latents")
    op.drop_table("checkpoint_files")
