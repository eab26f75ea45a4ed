"""The optional dependencies that this Python lacks, and how to install them.

The base dependencies are those of the API and of the command line. Workers need the extra `train`.
"""

import importlib.util

TRAINING_PACKAGES = ("torch", "onnx")


def lacks_training() -> str | None:
    """A clause that names the missing packages of the extra `train` and the remedy, or None."""
    missing = [name for name in TRAINING_PACKAGES if not is_installed(name)]
    if not missing:
        return None
    return f"the extra train (not installed: {', '.join(missing)}): pip install 'moggy[train]'"


def is_installed(package: str) -> bool:
    """Whether a top-level package could be imported. It is not loaded."""
    return importlib.util.find_spec(package) is not None
