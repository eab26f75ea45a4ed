"""The `moggy` command: its entry point, and the commands that run on the service's machine.

Commands import heavy modules inside functions, so that `--help` is quick.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.command_group import CommandGroup
from app.cli.console import prepare_streams, printable
from app.cli.datasets import datasets_cli
from app.cli.directions import directions_cli
from app.cli.errors import WRONG_USAGE, CommandError
from app.cli.images import images_cli
from app.cli.jobs import jobs_cli
from app.cli.latents import latents_cli
from app.cli.models import models_cli
from app.cli.new_jobs import new_jobs_cli
from app.cli.options import without_none
from app.cli.projections import projections_cli
from app.cli.search import search_cli

cli = typer.Typer(
    name="moggy",
    cls=CommandGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # help texts contain [brackets]
)
for group in (
    new_jobs_cli,
    images_cli,
    search_cli,
    projections_cli,
    latents_cli,
    datasets_cli,
    models_cli,
    directions_cli,
    jobs_cli,
):
    cli.add_typer(group)


def _print_version(requested: bool) -> None:
    from importlib.metadata import version

    if requested:
        print(f"moggy {version('moggy')}")
        raise typer.Exit


@cli.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Train a small image generator on your own pictures, and serve its images."""


def main() -> None:
    """The entry point: run the command line, and exit with its code."""
    prepare_streams()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. Every error is one line on stderr."""
    try:
        code = cli(arguments or ["--help"], prog_name="moggy", standalone_mode=False)
    except CommandError as error:
        return _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        return _fail(_plain_message(error), error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output has closed the pipe
        return 1
    except UnicodeEncodeError as error:
        return _fail(f"{error.object!r} has bytes that are not UTF-8 text", WRONG_USAGE)
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    return code if isinstance(code, int) else 0


def _plain_message(error: typer.TyperException) -> str:
    """Typer's message without the names of Python's types and of pydantic's errors."""
    message = error.format_message().replace("Value error, ", "")
    return message.replace("is not a valid int.", "is not a whole number.")


def _fail(message: str, code: int) -> int:
    print(printable(" ".join(message.split())), file=sys.stderr)
    return code


@cli.command()
def up(
    host: Annotated[str | None, typer.Option(help="Address to bind [127.0.0.1].")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind [8000].")] = None,
    home: Annotated[
        Path | None, typer.Option(help="The folder for all files of the service [~/.moggy].")
    ] = None,
) -> None:
    """Start the service on this machine, until Ctrl-C."""
    from app.domain.processes import StartError
    from app.up.service import serve

    try:
        serve(without_none({"host": host, "port": port, "home": home}), _print_line)
    except StartError as error:
        raise CommandError(str(error)) from error


def _print_line(line: str) -> None:
    print(line, flush=True)


@cli.command()
def migrate() -> None:
    """Bring the database that MOGGY_DATABASE_URL names to the newest schema."""
    from app.domain.database import migrate as migrate_database
    from app.domain.processes import StartError, load_settings
    from app.domain.settings import DatabaseSettings

    try:
        migrate_database(load_settings(DatabaseSettings, {}).database)
    except StartError as error:
        raise CommandError(str(error)) from error
