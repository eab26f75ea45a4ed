"""Sessions of ONNX Runtime for the small networks that the package ships. Does not import torch."""

from pathlib import Path

import onnxruntime


class BrokenModel(ValueError):
    """The file is missing, or ONNX Runtime cannot run it."""


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load an ONNX file for the CPU. Any number of threads may call the session's `run` at once.

    Each call computes in the thread that makes it: a pool of threads would take the cores from
    trainings on this machine, and would spin between two calls. Raises BrokenModel.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common base class of their own
        raise BrokenModel(f"{path.name} cannot be run by ONNX Runtime: {error}") from error
