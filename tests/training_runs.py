"""Single steps of a training run, and the number formats that this machine trains in."""

import pytest
import torch

from models.precision import native_bfloat16
from models.training.run import TrainingRun
from models.training.step import StepReport

CPU = torch.device("cpu")
PRECISIONS = [
    "float32",
    pytest.param(
        "bfloat16",
        marks=pytest.mark.skipif(not native_bfloat16(CPU), reason="no native bfloat16 here"),
    ),
]


def step(run: TrainingRun) -> StepReport[float]:
    """Do one step and return its report."""
    run.step()
    return run.read_report()
