"""The wheel, installed into an environment that has neither Node nor PyTorch, shows its page."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from running_service import Service

from .browser import ROOT, Visitor, require_pages
from .explore_page import wait_for_pictures

pytestmark = pytest.mark.slow


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, cwd=ROOT)


def sources(folder: Path) -> Path:
    """What the wheel is built from: setuptools would leave its own copy of it in the checkout."""
    for package in ("app", "worker", "models"):
        shutil.copytree(ROOT / package, folder / package)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, folder)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `moggy` of the wheel."""
    require_pages()
    folder = tmp_path_factory.mktemp("wheel")
    # PyTorch brings a setuptools that is new enough: none has to be installed for the build.
    build = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    pip(*build, sources(folder / "sources"))
    (wheel,) = folder.glob("*.whl")
    environment = folder / "environment"
    venv.create(environment)
    pip("--python", environment, "install", "--no-compile", wheel)
    return environment / "bin" / "moggy"


def test_the_installed_wheel_shows_the_pictures_of_the_starter(
    browser: Browser, installed: Path, tmp_path: Path
) -> None:
    (pages,) = installed.parent.parent.glob("lib/python3*/site-packages/app/studio_files")
    assert (pages / "index.html").exists()
    home = tmp_path / "home"
    with Service(home, installed, starter="cats") as service:
        service.wait_until_ready()
        visitor = Visitor(browser, service.url)
        with visitor.visit() as page:
            wait_for_pictures(page)
            expect(page.get_by_role("button", name="Picture 7", exact=True)).to_be_visible()
        with visitor.visit("/docs", check_axe=False) as page:
            expect(page.get_by_role("heading", name="Moggy")).to_be_visible()
