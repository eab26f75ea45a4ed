"""The Fréchet and kernel Inception distances of the literature, by torch-fidelity, if it is there.

They stand beside Moggy's own scores under their own names. The network's weights are a file that
MOGGY_INCEPTION names (torch-fidelity's `weights-inception-2015-12-05`, as .pth or .safetensors),
or are fetched from the internet; without them the scores are absent, and say why.
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

from models.scoring.embedding import opaque

VARIABLE = "MOGGY_INCEPTION"
SUBSETS, SUBSET = 100, 1000  # of the kernel distance, and pictures in each: the customary ones
BATCH = 32


class InceptionAbsent(RuntimeError):
    """The network, its weights or enough pictures are missing."""


def inception_scores(
    real: np.ndarray, generated: np.ndarray, device: str | torch.device = "cpu"
) -> dict[str, Any]:
    """(N, H, W, C) and (M, H, W, C) uint8 -> `fid`, `kid` with its `kid_deviation`, and the counts
    `real` and `generated`; or `absent`: why there are none.

    Comparable with published figures only at their counts, usually 50,000 generated pictures.
    """
    try:
        return _scores(real, generated, torch.device(device))
    except InceptionAbsent as error:
        return {"absent": str(error)}


def _scores(real: np.ndarray, generated: np.ndarray, device: torch.device) -> dict[str, Any]:
    smaller = min(len(real), len(generated))
    if smaller < 2:
        raise InceptionAbsent(f"it takes at least 2 pictures on each side, not {smaller}")
    named = os.environ.get(VARIABLE)
    tensors = _read(Path(named)) if named else None
    fidelity = _torch_fidelity()
    if tensors is None:
        tensors = _fetch(fidelity.feature_extractor_inceptionv3.URL_INCEPTION_V3)
    with tempfile.TemporaryDirectory(prefix="moggy-inception-") as folder:
        # torch-fidelity unpickles what it is given; so it is given what was written just here.
        weights = Path(folder) / "weights.pth"
        torch.save(tensors, weights)
        try:
            found = fidelity.calculate_metrics(
                input1=_Pictures(generated),
                input2=_Pictures(real),
                fid=True,
                kid=True,
                kid_subsets=SUBSETS,
                kid_subset_size=min(SUBSET, smaller),
                feature_extractor="inception-v3-compat",
                feature_extractor_weights_path=str(weights),
                cuda=device.type == "cuda",
                batch_size=BATCH,
                save_cpu_ram=True,
                cache=False,
                verbose=False,
            )
        except (RuntimeError, TypeError, ValueError) as error:
            raise InceptionAbsent(f"torch-fidelity failed: {error}") from error
    return {
        "fid": float(found[fidelity.KEY_METRIC_FID]),
        "kid": float(found[fidelity.KEY_METRIC_KID_MEAN]),
        "kid_deviation": float(found[fidelity.KEY_METRIC_KID_STD]),
        "real": len(real),
        "generated": len(generated),
    }


def _torch_fidelity() -> Any:
    try:
        return importlib.import_module("torch_fidelity")
    except ModuleNotFoundError as error:
        raise InceptionAbsent(
            f"{error.name} is not installed: `pip install 'moggy[fid]'` installs it"
        ) from error
    except (ImportError, RuntimeError) as error:
        raise InceptionAbsent(
            f"torch-fidelity cannot be imported ({error}): "
            "torch and torchvision must be builds for the same devices"
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a file of anything makes of a reader is open
        raise InceptionAbsent(f"{VARIABLE}={path} cannot be read: {error}") from error
    return loaded


def _fetch(address: str) -> dict[str, Tensor]:
    try:
        return torch.hub.load_state_dict_from_url(address, progress=False, weights_only=True)
    except (OSError, HTTPException, RuntimeError, EOFError, UnpicklingError) as error:
        # No connection, a broken one, or another file than was meant, perhaps of an earlier call.
        raise InceptionAbsent(
            f"the weights cannot be fetched ({error!r}): remove what is left of them in "
            f"{torch.hub.get_dir()}, or name a local file in {VARIABLE}"
        ) from error


class _Pictures(Dataset[Tensor]):
    """Pictures as torch-fidelity wants them, each (3, H, W) uint8."""

    def __init__(self, images: np.ndarray) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, place: int) -> Tensor:
        image = np.asarray(self._images[place])
        if image.shape[2] == 4:
            image = opaque(image[None])[0]
        return torch.tensor(image).permute(2, 0, 1).expand(3, -1, -1)
