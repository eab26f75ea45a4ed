"""MNIST, and a small classifier that recognises the digit of a generated image."""

import gzip
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

SIDE = 28
CLASSES = 10
CLASSIFIER_BATCH = 128
CLASSIFIER_EPOCHS = 4
PEAK_RATE = 2e-3


def read_idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes: two zeros, type 8, the number of axes, their lengths."""
    data = gzip.decompress(path.read_bytes())
    axes = data[3]
    if data[:3] != b"\0\0\x08" or axes == 0:
        raise ValueError(f"{path} is not an IDX file of unsigned bytes")
    lengths = np.frombuffer(data, ">u4", axes, offset=4)
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * axes)
    return values.reshape(lengths).copy()  # torch wants writable memory


def read_mnist(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28) uint8 and labels (N,) of the part "train" or "t10k"."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    return images, read_idx(folder / f"{part}-labels-idx1-ubyte.gz")


class Classifier(nn.Module):
    """(B, 28, 28) uint8 -> (B, 10) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()),
            nn.MaxPool2d(2),
            *(nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
            nn.MaxPool2d(2),
            *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(64 * 7 * 7, 128), nn.ReLU()),
            nn.Linear(128, CLASSES),
        )

    def forward(self, digits: Tensor) -> Tensor:
        logits: Tensor = self.layers(digits[:, None].float().div(255))
        return logits


def train_classifier(
    images: np.ndarray, labels: np.ndarray, epochs: int = CLASSIFIER_EPOCHS, device: str = "cpu"
) -> Classifier:
    """Train on (N, 28, 28) uint8 digits, shifted by up to a pixel as generated ones may be."""
    torch.manual_seed(0)
    classifier = Classifier().to(device)
    digits = torch.from_numpy(images).to(device)
    targets = torch.from_numpy(labels).long().to(device)
    adam = torch.optim.Adam(classifier.parameters(), lr=PEAK_RATE)
    steps = epochs * (len(digits) // CLASSIFIER_BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(1, steps))
    for _ in range(epochs):
        for chosen in torch.randperm(len(digits))[
            : len(digits) // CLASSIFIER_BATCH * CLASSIFIER_BATCH
        ].split(CLASSIFIER_BATCH):
            down, right = torch.randint(-1, 2, (2,)).tolist()
            shifted = digits[chosen].roll((down, right), (1, 2))
            adam.zero_grad()
            F.cross_entropy(classifier(shifted), targets[chosen]).backward()
            adam.step()
            schedule.step()
    return classifier.eval()


@torch.inference_mode()
def classify(classifier: Classifier, images: np.ndarray) -> np.ndarray:
    """(N, 28, 28) uint8 -> (N,) digits."""
    device = next(classifier.parameters()).device
    parts = torch.from_numpy(np.ascontiguousarray(images)).split(1000)
    return np.concatenate([classifier(part.to(device)).argmax(1).cpu().numpy() for part in parts])


def load_or_train_classifier(folder: Path, cache: Path | None, device: str) -> Classifier:
    """Read the classifier from `cache`, or train it on the MNIST of `folder` and write `cache`.

    Prints its accuracy on the test digits, which are not used for training.
    """
    if cache is not None and cache.exists():
        classifier = Classifier().to(device)
        load_model(classifier, cache)
        classifier.eval()
    else:
        classifier = train_classifier(*read_mnist(folder, "train"), device=device)
        if cache is not None:
            save_model(classifier, str(cache))
    images, labels = read_mnist(folder, "t10k")
    accuracy = float((classify(classifier, images) == labels).mean())
    print(f"classifier  {accuracy:.2%} of {len(labels):,} test digits (at least 99 % wanted)")
    return classifier
