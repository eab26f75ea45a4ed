"""What the build of the studio makes: small, without anything that its policy forbids."""

import base64
import gzip
import hashlib
import json
import re
import subprocess
import sys

import pytest

from app.serving.playground import CONTENT_BLANK, GENERATOR_BLANK

from .browser import BUILT, ROOT, require_pages

FIRST_LOAD_BYTES = 250_000


@pytest.fixture(autouse=True)
def pages() -> None:
    require_pages()


def first_files() -> list[str]:
    """The files that index.html loads, and the font of the Latin letters."""
    page = (BUILT / "index.html").read_text()
    names = re.findall(r"(?:src|href)=\"\./assets/([^\"]+)\"", page)
    fonts = [path.name for path in (BUILT / "assets").glob("figtree-latin-wght-*.woff2")]
    assert len(fonts) == 1
    return names + fonts


def test_the_first_load_is_small() -> None:
    contents = [(BUILT / "assets" / name).read_bytes() for name in first_files()]
    size = sum(min(len(content), len(gzip.compress(content))) for content in contents)
    assert size <= FIRST_LOAD_BYTES


def test_the_api_reference_is_not_in_the_first_load() -> None:
    scripts = [BUILT / "assets" / name for name in first_files() if name.endswith(".js")]
    assert not any("swagger" in script.read_text().lower() for script in scripts)


@pytest.mark.parametrize("name", ["index.html", "docs.html"])
def test_a_page_has_no_inline_script_or_style(name: str) -> None:
    page = (BUILT / name).read_text()
    assert page.count('<base href="/" />') == 1
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page) == []


def test_no_style_has_a_data_address() -> None:
    for sheet in (BUILT / "assets").glob("*.css"):
        assert "data:" not in sheet.read_text(), sheet.name


def test_the_playground_is_one_file_whose_policy_allows_its_own_script_and_style_alone() -> None:
    page = (BUILT / "playground.html").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    scripts = re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert (len(scripts), len(styles)) == (1, 1)
    for directive, text in (("script-src", scripts[0]), ("style-src", styles[0])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy[1]
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe-inline" not in policy[1]
    assert page.count(CONTENT_BLANK.decode()) == page.count(GENERATOR_BLANK.decode()) == 1
    assert re.findall(r"\s(?:src|href)=\"(?!data:)[^\"]*\"", page.replace(scripts[0], "")) == []


def test_the_types_are_those_of_the_openapi_document() -> None:
    check = subprocess.run(
        [sys.executable, ".ci/api_types.py", "--check"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert check.returncode == 0, check.stderr


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((ROOT / "studio" / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
