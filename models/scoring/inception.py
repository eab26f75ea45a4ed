"""The Fréchet and kernel Inception distances of the literature, where torch-fidelity is installed.

Their names in the results differ from those of Moggy's scores. MOGGY_INCEPTION names a file with
the network's weights (torch-fidelity's `weights-inception-2015-12-05`, as .pth or .safetensors);
otherwise they are downloaded. Without weights the scores are absent, and the result gives the
reason.
"""

import importlib
import os
import tempfile
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Dataset

from models.samples import flatten_alpha
from models.scoring.embedding_definition import BACKGROUND

WEIGHTS_VARIABLE = "MOGGY_INCEPTION"
# The kernel distance is the mean over this many subsets of this size, as in the literature.
SUBSETS, SUBSET_IMAGES = 100, 1000
INCEPTION_BATCH = 32


class InceptionAbsent(RuntimeError):
    """The network, its weights or enough images are missing."""


def inception_scores(
    real: np.ndarray, generated: np.ndarray, device: str | torch.device = "cpu"
) -> dict[str, Any]:
    """Compare (N, H, W, C) with (M, H, W, C) uint8 images.

    The result has `fid`, `kid` with its `kid_deviation`, and the counts `real` and `generated`; or
    `absent`, the reason why there are no scores. Compare them with published figures only at the
    same counts, usually 50,000 generated images.
    """
    try:
        return _scores(real, generated, torch.device(device))
    except InceptionAbsent as error:
        return {"absent": str(error)}


def _scores(real: np.ndarray, generated: np.ndarray, device: torch.device) -> dict[str, Any]:
    smaller = min(len(real), len(generated))
    if smaller < 2:
        raise InceptionAbsent(f"at least 2 images are needed on each side, not {smaller}")
    weights_file = os.environ.get(WEIGHTS_VARIABLE)
    tensors = _read(Path(weights_file)) if weights_file else None
    fidelity = _torch_fidelity()
    if tensors is None:
        tensors = _fetch(fidelity.feature_extractor_inceptionv3.URL_INCEPTION_V3)
    with tempfile.TemporaryDirectory(prefix="moggy-inception-") as folder:
        # torch-fidelity unpickles its weights file: it gets a file that was written here.
        weights = Path(folder) / "weights.pth"
        torch.save(tensors, weights)
        try:
            scores = fidelity.calculate_metrics(
                input1=_ImageDataset(generated),
                input2=_ImageDataset(real),
                fid=True,
                kid=True,
                kid_subsets=SUBSETS,
                kid_subset_size=min(SUBSET_IMAGES, smaller),
                feature_extractor="inception-v3-compat",
                feature_extractor_weights_path=str(weights),
                cuda=device.type == "cuda",
                batch_size=INCEPTION_BATCH,
                save_cpu_ram=True,
                cache=False,
                verbose=False,
            )
        except (RuntimeError, TypeError, ValueError) as error:
            raise InceptionAbsent(f"torch-fidelity failed: {error}") from error
    return {
        "fid": float(scores[fidelity.KEY_METRIC_FID]),
        "kid": float(scores[fidelity.KEY_METRIC_KID_MEAN]),
        "kid_deviation": float(scores[fidelity.KEY_METRIC_KID_STD]),
        "real": len(real),
        "generated": len(generated),
    }


def _torch_fidelity() -> Any:
    try:
        return importlib.import_module("torch_fidelity")
    except ModuleNotFoundError as error:
        raise InceptionAbsent(
            f"{error.name} is not installed: run `pip install 'moggy[fid]'`"
        ) from error
    except (ImportError, RuntimeError) as error:
        raise InceptionAbsent(
            f"torch-fidelity cannot be imported ({error}): "
            "install builds of torch and torchvision for the same devices"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign file may raise anything in its reader
        raise InceptionAbsent(f"{WEIGHTS_VARIABLE}={path} cannot be read: {error}") from error
    return loaded


def _fetch(address: str) -> dict[str, Tensor]:
    try:
        return torch.hub.load_state_dict_from_url(address, progress=False, weights_only=True)
    except (OSError, HTTPException, RuntimeError, EOFError, UnpicklingError) as error:
        # No connection, a broken one, or a damaged file, perhaps left by an earlier download.
        raise InceptionAbsent(
            f"the weights cannot be downloaded ({error!r}): delete incomplete files in "
            f"{torch.hub.get_dir()}, or name a local file in {WEIGHTS_VARIABLE}"
        ) from error


class _ImageDataset(Dataset[Tensor]):
    """Images as torch-fidelity expects them, each (3, H, W) uint8."""

    def __init__(self, images: np.ndarray) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        (image,) = flatten_alpha(np.asarray(self._images[index])[None], BACKGROUND)
        return torch.tensor(image).permute(2, 0, 1).expand(3, -1, -1)
