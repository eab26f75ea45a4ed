"""Asking before something is deleted for good."""

import sys

from app.cli.errors import CommandError, WrongUsage


def make_sure(what: str, *, sure: bool) -> None:
    """Ask on a terminal whether to delete it; elsewhere --yes must have been given."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise WrongUsage(
            f"{what} was not deleted: there is no terminal to ask whether you are sure. "
            "Give --yes to delete it without a question."
        )
    print(f"Delete {what}? This cannot be undone. [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError(f"{what} was not deleted.")
