"""The class of the groups of commands: how their help lists the commands."""

from typing import Any

from typer.core import TyperGroup

from app.cli.errors import WrongUsage


class CommandGroup(TyperGroup):
    """Lists its commands with their whole help, which Typer would cut to one line each."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the commands of the group when none is given."""
        if not args:
            *others, last = (f"{ctx.command_path} {name}" for name in self.list_commands(ctx))
            raise WrongUsage(f"Missing command: use {', '.join(others)} or {last}")
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.help or "") for name, command in commands if command is not None]
            )
