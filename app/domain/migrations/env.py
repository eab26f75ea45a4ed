"""Alembic's script. The connection comes from `app.domain.database.migrate`."""

from alembic import context

from app.domain.tables import Base

connection = context.config.attributes["connection"]
if connection.dialect.name == "postgresql":
    # The lock lets replicas that start together migrate one after the other.
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(5066971)")
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
context.run_migrations()
