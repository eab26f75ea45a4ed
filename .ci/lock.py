"""Writes the locks: this environment's version of every package that the images need.

`make lock` runs it. `requirements.lock` is for both images, `requirements-worker.lock` for what the
worker image installs besides. Packages that torch pins (the CUDA libraries of its CUDA builds) are
left out: they depend on the build of torch.
"""

import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
WORKER_EXTRAS = ("train", "parquet")
HEAD = "# Exact versions for {}, from an environment that passed the tests: `make lock`.\n"


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = installed(project["dependencies"])
    extras = [line for extra in WORKER_EXTRAS for line in project["optional-dependencies"][extra]]
    added = {name: found for name, found in installed(extras).items() if name not in base}
    write("requirements.lock", "both images", base)
    write("requirements-worker.lock", "the worker image beside requirements.lock", added)


def write(name: str, purpose: str, distributions: dict[str, Distribution]) -> None:
    lines = (
        f"{package}=={found.version.partition('+')[0]}\n"
        for package, found in sorted(distributions.items())
    )
    (ROOT / name).write_text(HEAD.format(purpose) + "".join(lines))


def installed(requirements: Iterable[str]) -> dict[str, Distribution]:
    """The distributions that meet the requirements, and those that they require, by name."""
    distributions: dict[tuple[str, str], Distribution] = {}
    for line in requirements:
        add(Requirement(line), distributions)
    return {name: found for (name, _), found in distributions.items()}


def add(requirement: Requirement, distributions: dict[tuple[str, str], Distribution]) -> None:
    """Add the distribution that meets the requirement, and its own requirements recursively."""
    found = distribution(requirement.name)
    name = canonicalize_name(found.name)
    for extra in ("", *requirement.extras):
        if (name, extra) in distributions:
            continue
        distributions[name, extra] = found
        for line in found.requires or ():
            needed = Requirement(line)
            applies = needed.marker is None or needed.marker.evaluate({"extra": extra})
            if applies and not (name == "torch" and "==" in str(needed.specifier)):
                add(needed, distributions)


if __name__ == "__main__":
    main()
