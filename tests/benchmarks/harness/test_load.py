import shutil
import subprocess

import pytest
from http_server import OK, REFUSED, always, answering

from benchmarks.harness.load import load, read_wrk, wrk_script
from benchmarks.harness.request import NUMBER, Request

CLIENTS = ["wrk", "own client"]


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two clients in turn."""
    name: str = request.param
    if name == "wrk" and shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    if name == "own client":
        monkeypatch.setattr("benchmarks.harness.load.shutil.which", lambda _: None)
    return name


def test_the_output_of_wrk_is_parsed() -> None:
    output = "Running 2s test @ http://127.0.0.1:1\nRESULT [500, 2000000, 3, 1500, 9000]\n"
    read = read_wrk(output)
    assert (read.client, read.requests, read.rate, read.errors) == ("wrk", 500, 250, 3)
    assert (read.median, read.p99) == (0.0015, 0.009)


def test_every_request_has_another_number(client: str) -> None:
    with answering(always(OK, 0.001)) as server:
        request = Request(f"/images/{NUMBER}.png", headers={"If-None-Match": '"tag"'})
        made = load(server.port, request, connections=2, seconds=1)
    lines = [line for line, _ in server.requests]
    assert made.client == client
    assert (made.errors, len(set(lines))) == (0, len(lines))
    assert len(lines) - 5 <= made.requests <= len(lines)
    assert server.connections in (2, 3)  # wrk first opens one to try
    assert "GET /images/5.png HTTP/1.1" in lines
    assert all('If-None-Match: "tag"' in head for head in server.heads)
    assert 0.001 < made.median <= made.p99


def test_a_body_is_posted_with_its_number(client: str) -> None:
    with answering(always(OK, 0.001)) as server:
        request = Request("/predict", f'{{"seed": {NUMBER}}}')
        load(server.port, request, connections=1, seconds=1)
    lines, bodies = zip(*server.requests, strict=True)
    assert set(lines) == {"POST /predict HTTP/1.1"}
    assert {b'{"seed": 2}', b'{"seed": 3}'} <= set(bodies)
    assert all("Content-Type: application/json" in head for head in server.heads)


def test_refusals_are_errors(client: str) -> None:
    with answering(always(REFUSED, 0.001)) as server:
        made = load(server.port, Request("/"), connections=1, seconds=1)
    assert made.errors == made.requests > 0  # the last request may not have been answered


def test_the_script_is_valid_lua() -> None:
    script = wrk_script(Request(f"/a/{NUMBER}", f'{{"seeds": [{NUMBER}], "name": "x\\"y"}}'))
    assert '{"/a/", ""}' in script
    if luac := shutil.which("luac"):
        subprocess.run([luac, "-p", "-"], input=script, text=True, check=True)
