"""Prints the size of what pip installs into each image: `make image-sizes`.

Nothing is installed or built: the sizes are those of the files of this environment's distributions.
The CUDA libraries of torch's CUDA builds are left out, as in the locks.
"""

import tomllib
from importlib.metadata import Distribution

from lock import ROOT, WORKER_EXTRAS, installed

LARGEST = 6


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = list(project["dependencies"])
    extras = [line for extra in WORKER_EXTRAS for line in project["optional-dependencies"][extra]]
    for image, requirements in (("api", base), ("worker", base + extras)):
        sizes = {name: size(found) for name, found in installed(requirements).items()}
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:LARGEST]
        parts = ", ".join(f"{name} {sizes[name] / 1e6:,.0f}" for name in largest)
        print(f"{image:7} {sum(sizes.values()) / 1e6:6,.0f} MB ({parts}, …)")


def size(found: Distribution) -> int:
    """Bytes of the files of a distribution, compiled modules included."""
    paths = (file.locate() for file in found.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())


if __name__ == "__main__":
    main()
