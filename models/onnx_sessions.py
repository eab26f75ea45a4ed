"""Sessions of ONNX Runtime: their options, and the small networks that the package ships. Does not
import torch.
"""

from pathlib import Path

from models.onnx_runtime import onnxruntime

CPU = "CPUExecutionProvider"
WARNINGS_AND_ERRORS_ONLY = 3  # a log level; below it, the runtime logs how it rewrites a graph


class BrokenModel(ValueError):
    """The file is missing, or ONNX Runtime cannot run it."""


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Load an ONNX file for the CPU. Raises BrokenModel."""
    try:
        return onnxruntime.InferenceSession(path, session_options(), providers=[CPU])
    except Exception as error:  # its errors have no common base class of their own
        raise BrokenModel(f"{path.name} cannot be run by ONNX Runtime: {error}") from error


def session_options() -> onnxruntime.SessionOptions:
    """Options with which any number of threads may call a session's `run` at once.

    Each call computes in the thread that makes it: a pool of threads would take the cores from
    trainings on this machine, and would spin between two calls.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # as fast without it; sessions then share freed memory
    options.log_severity_level = WARNINGS_AND_ERRORS_ONLY
    return options
