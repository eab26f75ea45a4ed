"""Writes the TypeScript types of the API from its OpenAPI document.

`make api-types` runs it. With `--check` it writes nothing, and fails if the types differ.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.domain.settings import Settings
from app.main import create_app

ROOT = Path(__file__).resolve().parent.parent
TYPES = ROOT / "studio" / "src" / "api" / "schema.d.ts"
GENERATOR = ROOT / "studio" / "node_modules" / ".bin" / "openapi-typescript"
PROSE = ("description", "summary", "examples", "example")  # a change of these changes no type


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        document = create_app(Settings(home=Path(folder))).openapi()
        source = Path(folder) / "openapi.json"
        source.write_text(json.dumps(without_prose(document)))
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        types = subprocess.run(
            [GENERATOR, source, "--default-non-nullable=false"],
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    if "--check" not in sys.argv:
        TYPES.write_text(types)
    elif types != TYPES.read_text():
        sys.exit(f"{TYPES.relative_to(ROOT)} differs from the OpenAPI document: `make api-types`")


def without_prose(value: Any, *, is_map: bool = False) -> Any:
    """The document without its descriptions; the keys of a map are names, such as a property's."""
    if isinstance(value, list):
        return [without_prose(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_prose(item, is_map=key == "properties" and not is_map)
        for key, item in value.items()
        if is_map or key not in PROSE
    }


if __name__ == "__main__":
    main()
