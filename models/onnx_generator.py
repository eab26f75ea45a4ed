"""A generator as an ONNX file, run by ONNX Runtime: what is served. Does not import torch.

`models.onnx_writer` writes the files.
"""

import ctypes
import functools
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.config import TrainingConfig
from models.feature_maps import LayeredGenerator
from models.latents import truncate
from models.onnx_runtime import onnxruntime
from models.onnx_sessions import CPU, session_options
from models.ranges import ConfigError
from models.samples import Pixels, Sample
from models.seeds import Latents, latents_from_seeds

CONFIG_KEY = "moggy_config"  # of the file's metadata: the TrainingConfig as JSON
CLASSES_KEY = "moggy_classes"  # the names of the classes as a JSON list
IMAGES_SEEN_KEY = "moggy_images_seen"
CHECKPOINT_KEY = "moggy_checkpoint_sha256"  # of the safetensors file that it was written from
LICENCE_KEY = "moggy_licence"
LICENCE = (
    "Moggy claims no rights in these weights: whoever trained them decides on their licence, "
    "within the rights in the pictures that they were trained on."
)
LATENTS, LABELS, IMAGES = "latents", "labels", "images"  # inputs and output

CUDA = "CUDAExecutionProvider"

Labels = NDArray[np.int64]  # (N,)


class OnnxFileError(ValueError):
    """The file is not a generator that `models.onnx_writer` wrote; the message is a predicate."""


class OnnxGenerator:
    """Maps latents and labels to images; thread-safe.

    An image has the same bytes alone, in every batch and in every slot: on a CPU, ONNX Runtime
    computes each image of a batch by itself.
    """

    def __init__(self, file: bytes | Path, *, on_cpu: bool = False) -> None:
        """Load a file, where `on_cpu` is set even beside a GPU. Raises OnnxFileError."""
        self._file = file
        self._file_bytes = file.stat().st_size if isinstance(file, Path) else len(file)
        self._layered: LayeredGenerator | None = None
        self._opening = threading.Lock()
        self._session = _session(file, CPU if on_cpu else _provider())
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            self.config = TrainingConfig.from_json(json.loads(metadata[CONFIG_KEY]))
            self.images_seen = int(metadata[IMAGES_SEEN_KEY])
            self.checkpoint_sha256: str = metadata[CHECKPOINT_KEY]
        except (ConfigError, KeyError, TypeError, ValueError) as error:
            raise OnnxFileError(f"has a broken description: {error}") from error
        self.shape = self.config.shape
        self.conditional = bool(self.config.classes)
        names = [LATENTS, LABELS] if self.conditional else [LATENTS]
        if [node.name for node in self._session.get_inputs()] != names:
            raise OnnxFileError(f"has inputs other than {' and '.join(names)}")

    @property
    def bytes(self) -> int:
        """The size of the file, plus the size of the layered copy once that is open."""
        return self._file_bytes + (self._layered.bytes if self._layered else 0)

    def generate(self, latents: Latents, labels: Labels | None = None) -> Pixels:
        """(N, latent_dim) latents, (N,) labels where there are classes -> (N, H, W, C) uint8."""
        (images,) = self._session.run(None, self._inputs(latents, labels))
        pixels: Pixels = images
        return pixels

    def render(self, samples: Sequence[Sample]) -> Pixels:
        """The images of one sample or more: (len(samples), H, W, C) uint8."""
        return self.generate(latents_of(samples, self.config.latent_dim), _labels_of(samples))

    def layered(self) -> LayeredGenerator:
        """The same generator with its layers as outputs, opened at the first call. Raises
        OnnxFileError where the file is gone or its layers cannot be read."""
        with self._opening:
            if self._layered is None:
                try:
                    model = self._file if isinstance(self._file, bytes) else self._file.read_bytes()
                    self._layered = LayeredGenerator(model, self.inputs_of(Sample(0)))
                except (OSError, ValueError) as error:
                    raise OnnxFileError(f"has layers that cannot be read: {error}") from error
            return self._layered

    def inputs_of(self, sample: Sample) -> dict[str, Any]:
        """The inputs of the graph for one image."""
        return self._inputs(latents_of([sample], self.config.latent_dim), _labels_of([sample]))

    def _inputs(self, latents: Latents, labels: Labels | None) -> dict[str, Any]:
        if not self.conditional:
            return {LATENTS: latents}
        assert labels is not None, "a conditional generator needs labels"
        return {LATENTS: latents, LABELS: labels}


def _labels_of(samples: Sequence[Sample]) -> Labels:
    return np.array([sample.label or 0 for sample in samples], np.int64)


def latents_of(samples: Sequence[Sample], latent_dim: int) -> Latents:
    """The latents of the samples, truncated: (len(samples), latent_dim) float32."""
    latents = np.empty((len(samples), latent_dim), np.float32)
    seeds = [sample.point for sample in samples if isinstance(sample.point, int)]
    drawn = iter(latents_from_seeds(seeds, latent_dim))
    for index, sample in enumerate(samples):
        latents[index] = next(drawn) if isinstance(sample.point, int) else sample.point
        if sample.truncation != 1:
            latents[index] = truncate(latents[index], sample.truncation)
    return latents


@functools.cache
def backend() -> str:
    """The name and the version of what computes the images; another one may round differently."""
    kind = "cuda" if _provider() == CUDA else "cpu"
    return f"onnxruntime-{onnxruntime.__version__}-{kind}-float32"


def uses_gpu() -> bool:
    return _provider() == CUDA


@functools.cache
def _provider() -> str:
    """CUDA where onnxruntime-gpu is installed and there is a device; it depends on nothing else."""
    has_cuda = CUDA in onnxruntime.get_available_providers() and _cuda_devices() > 0
    return CUDA if has_cuda else CPU


def _cuda_devices() -> int:
    """The number of devices that the driver shows to this process."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def _session(file: bytes | Path, provider: str) -> onnxruntime.InferenceSession:
    # TF32 would give pixels that differ by several levels.
    providers = [(CUDA, {"use_tf32": "0"}), CPU] if provider == CUDA else [CPU]
    try:
        session = onnxruntime.InferenceSession(file, session_options(), providers=providers)
    except Exception as error:  # its exceptions have no common base class
        raise OnnxFileError(f"cannot be loaded: {error}") from error
    if session.get_providers()[0] != provider:
        raise OnnxFileError(
            "cannot be loaded on the GPU: install the CUDA and cuDNN that "
            f"onnxruntime-gpu {onnxruntime.__version__} needs, or set CUDA_VISIBLE_DEVICES to "
            "nothing to serve from the CPU"
        )
    return session
