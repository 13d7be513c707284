"""How Alembic runs here: on a connection that is handed to it; each migration in a transaction, unless one is open."""

from alembic import context

from twofold.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
