"""How Alembic runs here: on a connection that is handed to it, in the transaction that is open already."""

from alembic import context

from twofold.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
