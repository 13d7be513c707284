"""What a next version may do to a schema in use: add a table, a column that may be empty, and an index."""

import sqlalchemy as sa
from alembic import op

from twofold.migrations.steps import add_column, create_index, drop_column, drop_index

revision = "REVISION"
down_revision = "BEFORE"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("of_the_next_version", sa.Column("id", sa.Uuid(), primary_key=True), if_not_exists=True)
    add_column("users", sa.Column("nickname", sa.Text(), nullable=True))
    add_column("sessions", sa.Column("nickname", sa.Text(), nullable=True))
    create_index("ix_users_nickname", "users", ["nickname"])


def downgrade() -> None:
    drop_index("ix_users_nickname", "users")
    drop_column("sessions", "nickname")
    drop_column("users", "nickname")
    op.drop_table("of_the_next_version", if_exists=True)
