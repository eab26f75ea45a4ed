"""Prepares the database before any program uses it: `python -m app.up.migrate_once`.

A process of its own, so that `moggy up` does not keep SQLAlchemy in memory while it runs.
"""

import shutil
import sys

from app.domain.database import Database, migrate
from app.domain.leases import expire_all
from app.domain.processes import StartError
from app.domain.settings import DatabaseSettings


def main() -> None:
    settings = DatabaseSettings()
    # The remains of interrupted uploads; no API runs on this home yet.
    shutil.rmtree(settings.home / "incoming", ignore_errors=True)
    try:
        migrate(settings.database)
    except StartError as error:
        sys.exit(str(error))
    if settings.owns_database:
        # `moggy up` holds the home's lock, so no worker uses this database: a job that was running
        # when the last worker was killed need not wait until its lease expires.
        database = Database(settings.database)
        with database.write() as session:
            expire_all(session)
        database.close()


if __name__ == "__main__":
    main()
