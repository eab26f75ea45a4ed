"""Commands about named latents: save, list, delete, export, import."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.client import ServiceClient, segment
from app.cli.command_group import CommandGroup
from app.cli.console import confirm_deletion, counted, local_time, size, table
from app.cli.errors import CommandError, WrongUsage
from app.cli.files import format_of, write_file
from app.cli.latent_options import EditsOption, parse_edits, parse_mix
from app.cli.options import ModelArgument, OutOption, YesOption, without_none

LATENT_COLUMNS = ("LATENT", "FROM", "CLASS", "TAGS", "SAVED", "NOTE")
FILE_FORMATS = {".json": "json", ".npz": "npz"}

LatentArgument = Annotated[str, typer.Argument(metavar="NAME", help="The latent's name.")]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Replace latents that have the same names.")
]

latents_cli = typer.Typer()
latent_cli = typer.Typer(cls=CommandGroup, help="Export, import or delete named latents.")
latents_cli.add_typer(latent_cli, name="latent")


@latents_cli.command()
def save(
    model: ModelArgument,
    name: LatentArgument,
    seed: Annotated[int | None, typer.Option(help="The seed that draws the latent.")] = None,
    mix: Annotated[
        str | None,
        typer.Option(help='Names and seeds, added and subtracted: "white - tabby + 0.5*black".'),
    ] = None,
    projection: Annotated[
        str | None, typer.Option(metavar="JOB", help="The projection that found the latent.")
    ] = None,
    edit: EditsOption = None,
    class_name: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="The class to use with it.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Any text.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag; repeatable.")] = None,
    replace: ReplaceOption = False,
) -> None:
    """Save a latent of a model under a name."""
    if [seed, mix, projection].count(None) != 2:
        raise WrongUsage("give exactly one of --seed, --mix and --projection")
    body = {
        "name": name,
        "seed": seed,
        "mix": None if mix is None else parse_mix(mix),
        "projection": projection,
        "edits": parse_edits(edit),
        "class": class_name,
        "note": note,
        "tags": tag or None,
    }
    with ServiceClient.from_environment() as client:
        saved = client.post(_path(model, replace=replace), without_none(body))
        print(f"{client.url}{saved['image']}")


@latents_cli.command()
def latents(
    model: ModelArgument,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
) -> None:
    """List the named latents of a model, newest first."""
    filters = without_none({"tag": tag})
    with ServiceClient.from_environment() as client:
        rows = [_row(latent) for latent in client.items(_path(model), filters)]
    print(table(LATENT_COLUMNS, rows))


@latent_cli.command("export")
def export_latents(model: ModelArgument, out: OutOption) -> None:
    """Write all named latents of a model to a .json or .npz file."""
    file_format = format_of(out, FILE_FORMATS)
    with ServiceClient.from_environment() as client:
        written = write_file(out, client.download(_path(model, f".{file_format}")))
    print(f"{out}: {size(written)}", file=sys.stderr)


@latent_cli.command("import")
def import_latents(
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An exported .json or .npz file.")],
    replace: ReplaceOption = False,
) -> None:
    """Save all latents of an exported file, or none of them."""
    file_format = format_of(file, FILE_FORMATS)
    try:
        data = file.read_bytes()
    except OSError as exc:
        raise CommandError(f"{file}: {exc.strerror}") from exc
    with ServiceClient.from_environment() as client:
        path = _path(model, f".{file_format}", replace=replace)
        names = client.post_file(path, data, is_json=file_format == "json")["names"]
    print(f"{counted(len(names), 'latent')} saved")


@latent_cli.command("delete")
def delete_latent(model: ModelArgument, name: LatentArgument, yes: YesOption = False) -> None:
    """Delete a named latent."""
    confirm_deletion(f"latent {name} of model {model}", confirmed=yes)
    with ServiceClient.from_environment() as client:
        client.delete(_path(model, f"/{segment(name)}"))
    print(f"Latent {name} is deleted.")


def _path(model: str, end: str = "", *, replace: bool = False) -> str:
    return f"models/{segment(model)}/latents{end}{'?replace=true' if replace else ''}"


def _row(latent: dict[str, Any]) -> list[str]:
    if latent["seed"] is not None:
        origin = f"seed {latent['seed']}"
    else:
        origin = " + ".join(latent["source"] or {"values": None})
    return [
        latent["name"],
        origin,
        latent["class"] or "-",
        ", ".join(latent["tags"]) or "-",
        local_time(latent["created_at"]),
        latent["note"] or "-",
    ]
