"""Makes the starter model's file from an exported bundle: `python examples/starter_model.py`.

The weights are rounded to 16 bits, the discriminator's further, so that the file stays small; the
scores of the rounded weights have to be measured again and are given with --metrics. The ONNX file
is left out: beside OUT, OUT_graph.json is written, from which the import makes it.
"""

import argparse
import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from app.domain.bundles import (
    CARD,
    DIRECTIONS,
    EXAMPLE,
    LATENTS,
    LINEAGE,
    METRICS,
    REFERENCE,
    SAMPLES,
    WEIGHTS,
)
from app.domain.images.encoders import ZIP_EPOCH
from app.serving.model_card import model_card
from models.checkpoint import load_generator
from models.checkpoint_header import DISCRIMINATOR_PREFIX, KIND
from models.graph_template import GraphTemplate
from models.onnx_writer import export_generator
from models.rendering import to_uint8
from models.seeds import latents_from_seeds
from models.tensor_files import read_tensors, write_tensors

GENERATOR_BITS, DISCRIMINATOR_BITS = 7, 4  # of the mantissa; bfloat16 has 7
COLUMNS = 4  # of the grid of samples
SOURCES = """## Pictures

It learnt from the 15,057 cat faces of AnnikaV9/cat-dataset (MIT licence) that are no duplicates.
That set is itself compiled from the Oxford-IIIT Pet Dataset, COCO, the CAT dataset and Pixabay,
whose terms apply to their pictures. This file holds none of them. It has no `generator.onnx`
either: the import writes it.

"""


def round_mantissa(tensor: Tensor, bits: int) -> Tensor:
    """Round float32 to `bits` of the mantissa, at most 7, and store it as bfloat16."""
    dropped = 23 - bits
    integers = tensor.contiguous().view(torch.int32)
    rounded = (integers + (1 << (dropped - 1))) >> dropped << dropped
    return rounded.view(torch.float32).to(torch.bfloat16)


def compact(name: str, tensor: Tensor) -> Tensor:
    """Round a weight matrix or kernel; vectors, which are small, stay float32."""
    if tensor.dtype != torch.float32 or tensor.ndim < 2:
        return tensor
    is_discriminator = name.startswith(DISCRIMINATOR_PREFIX)
    return round_mantissa(tensor, DISCRIMINATOR_BITS if is_discriminator else GENERATOR_BITS)


def sample_grid(weights: Path) -> bytes:
    """A PNG of the images of the first seeds."""
    loaded = load_generator(weights)
    latents = latents_from_seeds(range(COLUMNS**2), loaded.config.latent_dim)
    images = to_uint8(loaded.generator(torch.from_numpy(latents))).numpy()
    height, width, channels = images.shape[1:]
    rows = images.reshape(COLUMNS, COLUMNS, height, width, channels)
    grid = rows.swapaxes(1, 2).reshape(COLUMNS * height, COLUMNS * width, channels)
    output = io.BytesIO()
    Image.fromarray(grid).save(output, "png", optimize=True)
    return output.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="from GET /v1/checkpoints/{id}/export")
    parser.add_argument("out", type=Path)
    parser.add_argument("--metrics", type=Path, help="the scores of the rounded weights, as JSON")
    options = parser.parse_args()
    with zipfile.ZipFile(options.bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    lineage: dict[str, Any] = json.loads(files[LINEAGE])
    with tempfile.TemporaryDirectory() as folder:
        exported, weights = Path(folder, "exported"), Path(folder, WEIGHTS)
        exported.write_bytes(files[WEIGHTS])
        description, tensors = read_tensors(exported, KIND)
        compacted = {name: compact(name, tensor) for name, tensor in tensors.items()}
        del description["kind"]
        write_tensors(weights, KIND, description, compacted)
        grid, data = sample_grid(weights), weights.read_bytes()
        loaded = load_generator(weights)
    lineage["sha256"] = hashlib.sha256(data).hexdigest()
    onnx = export_generator(loaded.generator, loaded.config, loaded.images_seen, lineage["sha256"])
    graph = options.out.with_name(f"{options.out.stem}_graph.json")
    GraphTemplate.cut(data, onnx).write(graph)
    metrics = options.metrics.read_bytes() if options.metrics else files[METRICS]
    card = model_card(
        *(lineage, json.loads(metrics), COLUMNS**2, options.out.name),
        has_reference=REFERENCE in files,
    )
    members = {
        CARD: card.replace("## Licence\n", f"{SOURCES}## Licence\n").encode(),
        EXAMPLE: files[EXAMPLE],
        SAMPLES: grid,
        METRICS: metrics,
        LINEAGE: json.dumps(lineage, indent=1, sort_keys=True).encode(),
        WEIGHTS: data,
    }
    members |= {name: files[name] for name in (LATENTS, DIRECTIONS, REFERENCE) if name in files}
    with zipfile.ZipFile(options.out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content, compresslevel=9)
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
