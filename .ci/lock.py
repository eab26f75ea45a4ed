"""Writes requirements.lock: this environment's version of every package that the image needs.

`make lock` runs it. Packages that torch pins (the CUDA libraries of its CUDA builds) are left out:
they depend on the build of torch.
"""

import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("parquet",)  # the extras that the image installs
HEAD = "# Exact versions for the image, from an environment that passed the tests: `make lock`.\n"


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    requirements = [Requirement(line) for line in project["dependencies"]]
    for extra in EXTRAS:
        requirements += [Requirement(line) for line in project["optional-dependencies"][extra]]
    distributions: dict[tuple[str, str], Distribution] = {}
    for requirement in requirements:
        add(requirement, distributions)
    versions = {
        name: installed.version.partition("+")[0] for (name, _), installed in distributions.items()
    }
    lines = (f"{name}=={version}\n" for name, version in sorted(versions.items()))
    (ROOT / "requirements.lock").write_text(HEAD + "".join(lines))


def add(requirement: Requirement, distributions: dict[tuple[str, str], Distribution]) -> None:
    """Add the distribution that meets the requirement, and its own requirements recursively."""
    installed = distribution(requirement.name)
    name = canonicalize_name(installed.name)
    for extra in ("", *requirement.extras):
        if (name, extra) in distributions:
            continue
        distributions[name, extra] = installed
        for line in installed.requires or ():
            needed = Requirement(line)
            applies = needed.marker is None or needed.marker.evaluate({"extra": extra})
            if applies and not (name == "torch" and "==" in str(needed.specifier)):
                add(needed, distributions)


if __name__ == "__main__":
    main()
