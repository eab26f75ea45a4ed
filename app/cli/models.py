"""Commands about models: listed, shown, deleted."""

import typer

from app.cli.options import ModelArgument, WholeHelp, YesOption

models_cli = typer.Typer()
model_cli = typer.Typer(cls=WholeHelp, help="Show or delete a model.")
models_cli.add_typer(model_cli, name="model")


@models_cli.command()
def models() -> None:
    """List the models, newest first."""
    from app.cli.commands import list_items
    from app.cli.tables import MODEL_COLUMNS, model_row

    list_items("models", MODEL_COLUMNS, model_row)


@model_cli.command("show")
def show_model(name: ModelArgument) -> None:
    """Show a model: its preset, its checkpoints with their scores, which is served and why."""
    from app.cli.model_actions import show_model as show

    show(name)


@model_cli.command("delete")
def delete_model(name: ModelArgument, yes: YesOption = False) -> None:
    """Delete a model that no job trains, with all its checkpoints, and free their bytes."""
    from app.cli.model_actions import delete_model as delete

    delete(name, sure=yes)
