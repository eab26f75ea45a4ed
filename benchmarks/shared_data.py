"""The folder of real pictures, named by MOGGY_SHARED: beside the repository if unset."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = Path(os.environ.get("MOGGY_SHARED", ROOT.parent / "shared")) / "data"
