"""Readies the database before anything uses it: `python -m app.up.migrate_once`.

A process of its own, so that `moggy up` need not carry SQLAlchemy for as long as it runs.
"""

import shutil
import sys

from app.domain.database import Database, migrate
from app.domain.leases import void_leases
from app.domain.settings import DatabaseSettings
from app.domain.startup import StartError


def main() -> None:
    settings = DatabaseSettings()
    # What an upload that was cut off left behind; only one API receives on this home.
    shutil.rmtree(settings.home / "incoming", ignore_errors=True)
    try:
        migrate(settings.database)
    except StartError as error:
        sys.exit(str(error))
    if settings.owns_database:
        # `moggy up` holds the home's lock, so no worker of this database runs: what was running
        # when the last one was killed need not wait for its lease to run out.
        database = Database(settings.database)
        with database.write() as session:
            void_leases(session)
        database.close()


if __name__ == "__main__":
    main()
