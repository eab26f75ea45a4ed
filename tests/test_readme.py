"""The README and the docs are true: their commands run, their links lead somewhere, their tables
are the code's.
"""

import os
import re
import shlex
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image
from running_service import Service, wait_until

from app.domain.settings import Settings
from models.config import field_ranges
from models.presets import DEFAULT_PRESET, PRESETS

JSON = {"content-type": "application/json"}
UNITS = {"MiB": 2**20, "GiB": 2**30}
ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
TRAINING = (ROOT / "docs" / "training.md").read_text()
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
BIN = Path(sys.executable).parent
PICTURES = 300

# The only changes to the commands and the script: seconds of work instead of minutes.
SMALLER = [
    ("--images 100000", "--images 512"),
    ("--images 3000", "--images 64"),
    ('"images": 100000', '"images": 512'),
]


def blocks(text: str, language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [block for name, block in fenced if name == language]


def commands(*languages: str, text: str = README) -> list[str]:
    """Every line of the code blocks in these languages."""
    found = [block for language in languages for block in blocks(text, language)]
    return [line for block in found for line in block.splitlines() if line.strip()]


def smaller(text: str) -> str:
    for shown, run in SMALLER:
        text = text.replace(shown, run)
    return text


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("readme") / "home"
    with Service(home, starter="cats", index_samples=512) as service:
        service.wait_until_ready()
        with httpx2.Client(base_url=service.url) as client:
            wait_until(client, "/v1/models/cats", bool)
        yield service


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A folder that has the folder `my-pictures`."""
    folder = tmp_path_factory.mktemp("pictures")
    with zipfile.ZipFile(shared_data / "cats-3000.zip") as archive:
        archive.extractall(folder / "my-pictures", archive.namelist()[:PICTURES])
    return folder


def run_in_shell(line: str, service: Service, folder: Path) -> None:
    environment = os.environ | {"MOGGY_URL": service.url}
    environment["PATH"] = f"{BIN}:{environment['PATH']}"
    run = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, f"{line}\n{run.stdout}\n{run.stderr}"


@pytest.mark.slow
def test_every_command_runs_as_it_is_written(service: Service, pictures: Path) -> None:
    for command in commands("bash"):
        line = smaller(command.replace("http://127.0.0.1:8000", service.url))
        if line.startswith("curl"):
            line = line.replace("curl", "curl --silent --show-error --fail-with-body", 1)
        run_in_shell(line, service, pictures)
    for name, size, frames in [
        ("cats.png", (512, 512), 1),
        ("pets.png", (512, 512), 1),
        ("pets.webp", (64, 64), 60),
        ("grid.png", (512, 512), 1),
        ("8.png", (64, 64), 1),
        ("morph.webp", (64, 64), 60),
        ("morph-by-url.webp", (64, 64), 60),
    ]:
        with Image.open(pictures / name) as image:
            assert (image.size, getattr(image, "n_frames", 1)) == (size, frames), name
    with Image.open(pictures / "doctor.png") as image:
        image.verify()


@pytest.mark.slow
def test_the_python_script_runs_as_it_is_written(service: Service, pictures: Path) -> None:
    if httpx2.get(f"{service.url}/v1/datasets/pets").status_code == 404:
        run_in_shell("moggy dataset add my-pictures --name pets", service, pictures)
    (script,) = blocks(README, "python")
    script = smaller(script.replace("http://127.0.0.1:8000", service.url))
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=pictures, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "512 of 512"
    with Image.open(pictures / "7.png") as image:
        assert image.size == (64, 64)


def example_requests(document: dict[str, Any]) -> Iterator[tuple[str, httpx2.Request]]:
    """The calls about a model that have examples, as they are shown; those that write come last."""
    calls = [
        (method, path, call)
        for path, calls in document["paths"].items()
        for method, call in calls.items()
        if path.startswith("/v1/models/") or "example" in str(call.get("requestBody"))
    ]
    order = ["get", "post", "patch"]
    for method, path, call in sorted(
        (call for call in calls if call[0] in order), key=lambda call: order.index(call[0])
    ):
        body = call.get("requestBody", {}).get("content", {}).get("application/json")
        if "requestBody" in call and body is None:
            continue  # a file
        in_path, query = dict[str, Any](), dict[str, Any]()
        for parameter in call.get("parameters", ()):
            value = parameter.get("example", next(iter(parameter["schema"].get("enum", ())), None))
            if parameter["in"] == "path":
                in_path[parameter["name"]] = value
            elif "example" in parameter:
                query[parameter["name"]] = value
        url = f"http://moggy{path.format(**in_path)}"
        given = {} if body is None else {"json": body["example"]}
        yield f"{method} {path}", httpx2.Request(method, url, params=query, **given)


def test_every_example_of_the_openapi_document_runs_as_it_is_shown(service: Service) -> None:
    with httpx2.Client(base_url=service.url, timeout=60) as client:
        requests = dict(example_requests(client.get("/openapi.json").json()))
        for name, request in requests.items():
            url, body = request.url.raw_path.decode(), request.content or None
            answer = client.request(request.method, url, content=body, headers=JSON)
            while answer.status_code == 503 and "index" in answer.text:  # is being built
                assert "failed" not in answer.text, name  # the previous job that built it
                time.sleep(float(answer.headers["Retry-After"]))
                answer = client.request(request.method, url, content=body, headers=JSON)
            assert answer.status_code < 300, (name, answer.text)
            if answer.headers.get("location", "").startswith("/v1/jobs/"):
                client.post(f"{answer.headers['location']}/cancel").raise_for_status()
    assert {"get /v1/models/{name}/interpolations/{keyframes}.{format}", "post /v1/jobs"} <= set(
        requests
    )
    assert len(requests) > 25


def anchors(text: str) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_file_and_target_of_a_page_exists(page: Path) -> None:
    text = page.read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([\w-]+)", text):
        assert f"\n{target}:" in makefile, target
    for path in re.findall(
        r"`((?:benchmarks|docs|examples|app|models|worker|tests)/[\w/.-]*)`", text
    ):
        assert (ROOT / path).exists(), path
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("http"):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not fragment or fragment in anchors(target.read_text()), link


def test_the_map_of_the_docs_names_every_page() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs" / "README.md").read_text()))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_every_setting_is_listed_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `MOGGY_(\w+)` \| ([^|]*) \|", SETTINGS, re.MULTILINE))
    fields = Settings.model_fields
    assert sorted(rows) == sorted(name.upper() for name in fields)
    for name, field in fields.items():
        shown = rows[name.upper()].strip()
        if field.default in (None, frozenset(), ()):
            assert shown == "none", name
        elif shown.endswith(tuple(UNITS)):
            number, unit = shown.split()
            assert float(number) * UNITS[unit] == field.default, name
        else:
            is_float = isinstance(field.default, float)
            assert shown == (f"{field.default:g}" if is_float else str(field.default)), name


def allowed(described: dict[str, Any]) -> str:
    """The values that a field may have, in the words of docs/training.md."""
    if described["type"] == "boolean":
        return "true, false"
    if "enum" in described:
        return ", ".join(described["enum"])
    if "pattern" in described:
        words = re.findall(r"\w+", described["pattern"])
        return ", ".join(dict.fromkeys(words))
    if "exclusiveMaximum" in described:
        text = f"{described['minimum']:g} to below {described['exclusiveMaximum']:g}"
    else:
        text = f"{described['minimum']:.16g} to {described['maximum']:.16g}"
    return f"{text}, null" if "null" in described["type"] else text


def test_every_override_is_listed_with_what_it_may_be() -> None:
    section = TRAINING.split("| override |")[1].split("\n\n")[0]
    shown = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", section, re.MULTILINE))
    assert shown == {name: allowed(described) for name, described in field_ranges().items()}


def test_every_preset_is_listed_with_its_shape_and_the_default_is_marked() -> None:
    rows = re.findall(r"^\| `([\w-]+)`( \(the default\))? \| (\d+)×(\d+)×(\d) \|", TRAINING, re.M)
    shapes = {name: (int(height), int(width), int(deep)) for name, _, height, width, deep in rows}
    assert shapes == {name: preset.config.shape for name, preset in PRESETS.items()}
    assert [name for name, default, *_ in rows if default] == [DEFAULT_PRESET]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_have_the_options_that_it_shows(page: Path) -> None:
    for command in commands("bash", "", text=page.read_text()):
        words = shlex.split(command, comments=True)
        if words[:1] != ["moggy"] or words[1] == "up":
            continue
        parts = words[1:3] if words[1] in ("dataset", "model", "latent") else words[1:2]
        help_text = subprocess.run(
            [BIN / "moggy", *parts, "--help"], capture_output=True, text=True, check=True
        ).stdout
        for option in (word for word in words if word.startswith("--")):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", help_text), command
