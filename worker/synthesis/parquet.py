"""Parquet as dataset hubs ship pictures: their files in a column, the class, the recipe."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from app.domain.images.checkpoint import ServedCheckpoint
from app.domain.images.recipes import recipe_text
from worker.synthesis.errors import NoWriter
from worker.synthesis.images import Picture

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 128  # held until they are written; who reads one picture reads so many
# Pictures do not shrink any more.
COMPRESSION = {"image.bytes": "none", "image.path": "zstd", "label": "zstd", "recipe": "zstd"}


class ParquetShard:
    """Columns `image` {bytes, path}, of a conditional model `label`, and `recipe`."""

    suffix: ClassVar[str] = "parquet"

    def __init__(self, path: Path, checkpoint: ServedCheckpoint, image_format: str) -> None:
        try:
            from pyarrow.parquet import ParquetWriter
        except ImportError as exc:
            raise NoWriter(
                "layout parquet is written by an extra that this worker has not: "
                'pip install "moggy[parquet]" where it runs, or choose another layout'
            ) from exc
        self._format = image_format
        self._schema = _schema(checkpoint.classes)
        columns = {"label", "recipe"} & set(self._schema.names)
        self._writer = ParquetWriter(
            path,
            self._schema,
            compression={
                name: codec
                for name, codec in COMPRESSION.items()
                if name in columns or name.startswith("image.")
            },
            use_dictionary=False,
            write_statistics=False,  # of pictures: their first bytes, once more
        )
        self._rows: list[dict[str, Any]] = []

    def add(self, picture: Picture, data: bytes) -> str:
        name = f"{picture.seed}.{self._format}"
        row: dict[str, Any] = {"image": {"bytes": data, "path": name}}
        if picture.label is not None:
            row["label"] = picture.label
        self._rows.append(row | {"recipe": recipe_text(picture.recipe)})
        if len(self._rows) == GROUP_ROWS:
            self._write()
        return name

    def close(self) -> None:
        if self._rows:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []


def _schema(classes: tuple[str, ...]) -> "pa.Schema":
    """The columns, with what hubs read of them in the metadata."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [("image", image), ("recipe", pa.string())]
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if classes:
        fields.insert(1, ("label", pa.int64()))
        features["label"] = {"names": list(classes), "_type": "ClassLabel"}
    features["recipe"] = {"dtype": "string", "_type": "Value"}
    described = json.dumps({"info": {"features": features}})
    return pa.schema(fields, {"huggingface": described})
