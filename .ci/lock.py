"""Writes requirements.lock: this environment's version of every package that the image needs.

`make lock` runs it. Packages that torch pins itself (the CUDA libraries of its CUDA builds) are
left out: which of them there are depends on the build of torch.
"""

import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("parquet",)  # of the project that the image installs
HEAD = "# Exact versions for the image, from an environment that passed the tests: `make lock`.\n"


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(line) for line in project["dependencies"]]
    for extra in EXTRAS:
        wanted += [Requirement(line) for line in project["optional-dependencies"][extra]]
    found: dict[tuple[str, str], Distribution] = {}
    for requirement in wanted:
        add(requirement, found)
    versions = {name: installed.version.partition("+")[0] for (name, _), installed in found.items()}
    lines = (f"{name}=={version}\n" for name, version in sorted(versions.items()))
    (ROOT / "requirements.lock").write_text(HEAD + "".join(lines))


def add(requirement: Requirement, found: dict[tuple[str, str], Distribution]) -> None:
    """Add the distribution that meets the requirement, and all that it needs in turn."""
    installed = distribution(requirement.name)
    name = canonicalize_name(installed.name)
    for extra in ("", *requirement.extras):
        if (name, extra) in found:
            continue
        found[name, extra] = installed
        for line in installed.requires or ():
            needed = Requirement(line)
            applies = needed.marker is None or needed.marker.evaluate({"extra": extra})
            if applies and not (name == "torch" and "==" in str(needed.specifier)):
                add(needed, found)


if __name__ == "__main__":
    main()
