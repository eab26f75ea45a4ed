"""onnx_sha256 and onnx_bytes of checkpoints"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("onnx_sha256", sa.String(length=64), nullable=True))
    op.add_column("checkpoints", sa.Column("onnx_bytes", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("checkpoints", "onnx_bytes")
    op.drop_column("checkpoints", "onnx_sha256")
