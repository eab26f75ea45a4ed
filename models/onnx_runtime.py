"""ONNX Runtime without its telemetry. No other module imports it directly. Does not import torch.

From 1.29 on, each process that loads ONNX Runtime reports to Microsoft which models it runs, and
writes an identifier of the machine into the home directory, unless this variable is set before.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

__all__ = ["onnxruntime"]
