"""An index of a generator's own images: their seeds, embeddings, colours, classes and realism.

One safetensors file, which is memory-mapped: about 6 MB for 16,384 images. Does not import torch.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from models.checkpoint_header import LENGTH_BYTES, METADATA_KEY
from models.colours import Colours
from models.durable_files import write_durably
from models.scoring.nearest import Vectors, VectorSearch
from models.scoring.realism import Reference
from models.seeds import SEARCH_SEEDS

KIND = "sample_index"
VERSION = 2
DTYPES = {"F16": np.float16, "F32": np.float32, "I32": np.int32}

Distances = NDArray[np.float32]  # (N,)


class SampleIndexError(ValueError):
    """The file is not a sample index of this version; the message is a predicate."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """The metadata of an index.

    `quality_absent` is the reason why the images have no realism scores, None if they have.
    """

    samples: int
    embedding: str  # the name of the network whose features it holds
    checkpoint_sha256: str
    quality_absent: str | None
    version: int = VERSION
    kind: str = KIND


class SampleIndex:
    """The images of the seeds from the first of SEARCH_SEEDS on, N of them.

    `features` (N, F) float16 of unit length; `colours` (N, 9, 3) Lab, float16, of
    the cells of each image; `labels` (N,) int32, None of an
    unconditional generator; `realism` (N,) float32, None without a reference. Thread-safe.
    """

    def __init__(self, path: Path) -> None:
        """Map the file. Raises SampleIndexError."""
        self.description, arrays = _map(path)
        self.features, self.colours = arrays["features"], arrays["colours"]
        self.labels: NDArray[np.int32] | None = arrays.get("labels")
        self.realism: Distances | None = arrays.get("realism")
        self.reference: Reference | None = None
        if self.realism is not None:
            self.reference = Reference(arrays["reference_features"])
            self._sorted_realism = np.sort(self.realism)
            self.qualities: NDArray[np.float32] = self.quality(self.realism)
        self._search = VectorSearch(self.features)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def seeds(self) -> range:
        return SEARCH_SEEDS[: len(self)]

    def feature_distances(self, features: Vectors) -> Distances:
        """(F,) of unit length -> (N,): the Euclidean distances, from 0 to 2."""
        distances: Distances = self._search.distances(features[None])[0]
        return distances

    def nearest_images(self, features: Vectors) -> NDArray[np.int64]:
        """(M, F) -> (M,): the index of the image most similar to each."""
        return self._search.nearest(features.astype(np.float16))[0]

    def colour_distances(self, colour: Colours) -> Distances:
        """(3,) Lab -> (N,): the mean distances to the colours of the images' cells (CIE76)."""
        differences = self.colours - colour  # float32
        distances: Distances = np.sqrt(np.square(differences).sum(2)).mean(1)
        return distances

    def quality(self, realism: Distances) -> NDArray[np.float32]:
        """(M,) realism scores -> (M,): the percentage of the indexed images that have less."""
        below = np.searchsorted(self._sorted_realism, realism, side="left")
        return np.asarray(100 * below / len(self), np.float32)


def combine(distances: Mapping[str, Distances], weights: Mapping[str, float]) -> Distances:
    """(N,): the only distances, or the weighted mean of several, each relative to its median.

    Distances of different kinds have different units; relative to their medians they are alike.
    """
    if len(distances) == 1:
        (only,) = distances.values()
        return only
    total = sum(weights[name] for name in distances)
    relative = [
        weights[name] / total * values / max(float(np.median(values)), 1e-6)
        for name, values in distances.items()
    ]
    combined: Distances = np.sum(relative, axis=0, dtype=np.float32)
    return combined


def nearest(distances: Distances, allowed: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """The indices of the `count` smallest allowed distances, nearest first; fewer if need be.

    Of equal distances, the lower index comes first.
    """
    candidates = np.flatnonzero(allowed)
    if len(candidates) > count:
        limit = np.partition(distances[candidates], count - 1)[count - 1]
        candidates = candidates[distances[candidates] <= limit]
    order = np.argsort(distances[candidates], kind="stable")[:count]
    return candidates[order]


def write_sample_index(
    path: Path,
    description: Description,
    *,
    features: Vectors,
    colours: Colours,
    labels: NDArray[np.int32] | None,
    reference: Reference | None,
) -> None:
    """Write the index; the realism of its images is computed here."""
    arrays: dict[str, NDArray[Any]] = {
        "features": np.asarray(features, np.float16),
        "colours": np.asarray(colours, np.float16),
    }
    if labels is not None:
        arrays["labels"] = labels
    if reference is not None:
        arrays["realism"] = reference.realism(features)
        arrays["reference_features"] = reference.features
    metadata = {METADATA_KEY: json.dumps(asdict(description))}
    write_durably(path, save(arrays, metadata))


def _map(path: Path) -> tuple[Description, dict[str, NDArray[Any]]]:
    try:
        data = np.asarray(np.memmap(path, np.uint8, "r"))
        start = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES].tobytes(), "little")
        header = json.loads(data[LENGTH_BYTES:start].tobytes())
        description = Description(**json.loads(header.pop("__metadata__")[METADATA_KEY]))
        if (description.kind, description.version) != (KIND, VERSION):
            raise SampleIndexError(f"is a {description.kind} of version {description.version}")
        arrays = {}
        for name, tensor in header.items():
            first, last = tensor["data_offsets"]
            flat = data[start + first : start + last].view(DTYPES[tensor["dtype"]])
            arrays[name] = flat.reshape(tensor["shape"])
        if len(arrays["features"]) != len(arrays["colours"]):
            raise SampleIndexError("has arrays of different lengths")
    except SampleIndexError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise SampleIndexError(f"cannot be read as a sample index: {error!r}") from error
    return description, arrays
