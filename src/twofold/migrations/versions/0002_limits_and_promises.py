"""What the second release adds: limits by network, known clients, what letters promise, the log against REPLACE.

A release has one migration (docs/decisions/0021-upgrade.md): whatever comes before the release joins this one, tables
and columns first, indexes at the end.
"""

import sqlalchemy as sa
from alembic import op

from twofold.kit.db import UtcTime
from twofold.migrations import append_only

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _count_refusals()
    _block_networks()
    append_only.guard()


def downgrade() -> None:
    append_only.release()
    op.drop_table("blocked_networks", if_exists=True)
    op.drop_table("refusal_counts", if_exists=True)


def _count_refusals() -> None:
    op.create_table(
        "refusal_counts",
        sa.Column("hour", UtcTime(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "network", "kind", name=op.f("pk_refusal_counts")),
        if_not_exists=True,
    )


def _block_networks() -> None:
    op.create_table(
        "blocked_networks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("blocked_at", UtcTime(), nullable=False),
        sa.Column("until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_networks")),
        sa.UniqueConstraint("network", name=op.f("uq_blocked_networks_network")),
        if_not_exists=True,
    )
