"""The receiver of uploads, behind a real server on loopback."""

import asyncio
import errno
import http.client
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request
from servers import free_port

from app.domain.settings import Settings
from app.routes.protocol import uploads
from app.routes.protocol.problems import install_problems
from app.routes.protocol.uploads import receive_upload

MIB = 1 << 20
MAX_UPLOAD = 64 * MIB
BOUNDARY = "moggy-boundary"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class Server(NamedTuple):
    url: str
    folder: Path
    outcome: dict[str, Any]  # the last Upload, or the error that `receive_upload` raised

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def make_api(folder: Path, settings: Settings, outcome: dict[str, Any]) -> FastAPI:
    api = FastAPI()
    install_problems(api)

    @api.post("/upload")
    async def upload(request: Request) -> dict[str, Any]:
        outcome.clear()
        try:
            outcome["upload"] = received = await receive_upload(request, folder, settings)
        except BaseException as error:
            outcome["error"] = error
            outcome["folder_gone"] = not folder.exists()
            raise
        return {
            "fields": received.fields,
            "files": [[file.name, file.path.name, file.bytes] for file in received.files],
        }

    @api.get("/ping")
    async def ping() -> None:
        return None

    return api


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder, outcome = tmp_path / "home" / "incoming" / "1", dict[str, Any]()
    settings = Settings(home=tmp_path / "home", max_upload_bytes=MAX_UPLOAD)
    port = free_port()
    config = uvicorn.Config(
        make_api(folder, settings, outcome), port=port, log_level="error", ws="none", lifespan="off"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield Server(f"http://127.0.0.1:{port}", folder, outcome)
    running.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=120, trust_env=False) as client:
        yield client


def part(disposition: str, content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"


def file_part(name: str, content: bytes) -> bytes:
    return part(f'form-data; name="files"; filename="{name}"', content)


END = f"--{BOUNDARY}--\r\n".encode()


def post(client: httpx2.Client, body: Any, **headers: str) -> httpx2.Response:
    return client.post("/upload", content=body, headers=MULTIPART | headers)


def test_real_pictures_and_fields_arrive_whole(
    client: httpx2.Client, server: Server, shared_data: Path
) -> None:
    names = ["cats-3000.zip", "digits-labelled.zip"]
    contents = [(shared_data / name).read_bytes() for name in names]
    answer = client.post(
        "/upload",
        data={"name": "cats", "fit": "crop"},
        files=[("files", pair) for pair in zip(names, contents, strict=True)],
    )
    assert answer.json() == {
        "fields": {"name": "cats", "fit": "crop"},
        "files": [[names[n], f"00000{n}", len(contents[n])] for n in (0, 1)],
    }
    for number, content in enumerate(contents):
        assert (server.folder / f"00000{number}").read_bytes() == content


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_size_of_chunks_does_not_matter(
    client: httpx2.Client, server: Server, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"\r\n--moggy-boundar\r\n--" * 50
    body = file_part("a.png", content) + part('form-data; name="name"', "Käfer".encode()) + END
    monkeypatch.setattr(uploads, "FEED_BYTES", 1)
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    assert post(client, pieces).json() == {
        "fields": {"name": "Käfer"},
        "files": [["a.png", "000000", len(content)]],
    }
    assert (server.folder / "000000").read_bytes() == content


def test_a_name_is_never_part_of_a_path(client: httpx2.Client, server: Server) -> None:
    body = file_part("../../../escaped.png", b"1") + file_part("/etc/escaped.png", b"2") + END
    assert [file[:2] for file in post(client, body).json()["files"]] == [
        ["../../../escaped.png", "000000"],
        ["/etc/escaped.png", "000001"],
    ]
    assert sorted(path.name for path in server.folder.iterdir()) == ["000000", "000001"]


def test_files_without_a_name_are_numbered(client: httpx2.Client) -> None:
    empty = file_part("", b"first")
    nameless = part('form-data; name="files"\r\nContent-Type: image/png', b"second")
    answer = post(client, empty + nameless + file_part("c.png", b"third") + END).json()
    assert [name for name, _, _ in answer["files"]] == ["unnamed-1", "unnamed-2", "c.png"]


def test_a_name_given_by_rfc_5987_alone_is_the_name_of_a_file(client: httpx2.Client) -> None:
    star = part("form-data; name=\"files\"; filename*=utf-8''%D0%BA%D0%BE%D1%82.png", b"1")
    assert post(client, star + END).json()["files"] == [["кот.png", "000000", 1]]


def test_an_empty_file_input_of_a_browser_is_no_file(client: httpx2.Client, server: Server) -> None:
    answer = post(client, file_part("", b"") + file_part("a.png", b"") + END).json()
    assert answer["files"] == [["a.png", "000000", 0]]
    assert [path.name for path in server.folder.iterdir()] == ["000000"]


def test_the_work_for_many_pictures_is_proportional_to_their_number(
    client: httpx2.Client, server: Server
) -> None:
    """The server runs in this process, whose CPU time other processes do not lengthen much."""
    seconds = {}
    for count in (1_000, 10_000):
        body = b"".join(file_part(f"{n}.png", b"%d" % n * 600) for n in range(count)) + END
        started = time.process_time()
        files = post(client, body).json()["files"]
        seconds[count] = time.process_time() - started
        assert len(files) == count
        assert (server.folder / f"{count - 1:06}").read_bytes() == b"%d" % (count - 1) * 600
        shutil.rmtree(server.folder)
    assert seconds[10_000] < 30 * seconds[1_000]


def test_other_requests_are_answered_while_an_upload_is_written(
    client: httpx2.Client, server: Server
) -> None:
    body = b"".join(file_part(f"{n}.png", b"x" * 3000) for n in range(8_000)) + END
    uploading = threading.Thread(target=post, args=(client, body))
    uploading.start()
    answered = 0
    with httpx2.Client(base_url=server.url, timeout=60, trust_env=False) as other:
        while uploading.is_alive():
            assert other.get("/ping").status_code == 200
            answered += 1
    uploading.join()
    assert len(server.outcome["upload"].files) == 8_000
    assert answered > 10  # one or two if the upload kept the server busy


MALFORMED = {
    "text without parts": b"just text, and more of it, beyond a boundary",
    "cut in a file": file_part("a.png", b"x" * 5000)[:3000],
    "cut before the end": file_part("a.png", b"x" * 5000),
    "empty": b"",
    "no disposition": f"--{BOUNDARY}\r\nX: y\r\n\r\nvalue\r\n".encode() + END,
    "no name": part("form-data", b"value") + END,
    "a broken header": f"--{BOUNDARY}\r\n\xff\0: y\r\n\r\nvalue\r\n".encode() + END,
    "an endless header": f"--{BOUNDARY}\r\nA: {'y' * 9000}\r\n\r\nvalue\r\n".encode() + END,
    "text that is not UTF-8": part('form-data; name="name"', b"\xff\xfe") + END,
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_body_is_refused_and_leaves_nothing(
    client: httpx2.Client, server: Server, case: str
) -> None:
    answer = post(client, file_part("first.png", b"1") * (case != "empty") + MALFORMED[case])
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert server.outcome["folder_gone"]


REFUSED = {
    "twice": (part('form-data; name="a"', b"1") * 2, "'a' was sent twice"),
    "too long": (part('form-data; name="a"', b"x" * 20_000), "'a' is longer than 16,384"),
    "too many": (
        b"".join(part(f'form-data; name="{n}"', b"1") for n in range(40)),
        "more than 32 form fields",
    ),
    "another field": (
        part('form-data; name="image"; filename="a.png"', b"1"),
        "a file was sent as 'image': send files as 'files'",
    ),
    "text as file": (part('form-data; name="files"', b"@a.png"), "files holds text, not a file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_form_is_refused(client: httpx2.Client, server: Server, case: str) -> None:
    body, detail = REFUSED[case]
    answer = post(client, file_part("a.png", b"1") + body + END)
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]
    assert server.outcome["folder_gone"]


def test_too_many_files_are_refused(
    client: httpx2.Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_FILES", 3)
    answer = post(client, file_part("a.png", b"1") * 4 + END)
    assert answer.status_code == 413
    assert "send them as one zip or tar" in answer.json()["detail"]
    assert server.outcome["folder_gone"]


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "multipart/mixed; boundary=x", "nonsense"]
)
def test_another_kind_of_body_is_refused(client: httpx2.Client, kind: str) -> None:
    answer = client.post("/upload", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert kind in answer.json()["detail"]


def test_a_length_beyond_the_limit_is_refused_before_a_byte_is_read(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest("POST", "/upload")
    connection.putheader("Content-Type", MULTIPART["Content-Type"])
    connection.putheader("Content-Length", str(MAX_UPLOAD + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"67,108,865 bytes; at most 67,108,864" in answer.read()
    connection.close()
    assert server.outcome["folder_gone"]


def test_a_body_without_a_stated_length_is_counted(client: httpx2.Client, server: Server) -> None:
    def body() -> Iterator[bytes]:
        yield file_part("a.zip", b"")[:-2]
        for _ in range(80):
            yield bytes(MIB)

    try:
        answer = post(client, body())
    except httpx2.TransportError:
        pass  # the server answered and disconnected while the client was sending
    else:
        assert answer.status_code == 413
    deadline = time.monotonic() + 5
    while "error" not in server.outcome and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "at most 67,108,864 bytes" in str(server.outcome["error"])
    assert server.outcome["folder_gone"]


def test_an_upload_larger_than_the_free_disk_is_refused(
    client: httpx2.Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    answer = post(client, file_part("a.png", b"x" * 500) + END)
    assert answer.status_code == 507
    assert "the disk has 100 free" in answer.json()["detail"]
    assert server.outcome["folder_gone"]


def test_a_disk_that_fills_up_is_answered_507(
    client: httpx2.Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads._FormReceiver, "_add_data", full)
    answer = post(client, file_part("a.png", b"x" * 500) + END)
    assert answer.status_code == 507
    assert server.outcome["folder_gone"]


def test_a_disconnect_leaves_nothing_behind(server: Server) -> None:
    body = file_part("a.png", b"x" * 3 * MIB)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        head = f"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body) * 2}\r\n"
        head += f"Content-Type: {MULTIPART['Content-Type']}\r\n\r\n"
        connection.sendall(head.encode() + body)
        deadline = time.monotonic() + 5
        while not server.folder.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.folder.exists()
    while "error" not in server.outcome and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "is incomplete" in str(server.outcome["error"])
    assert server.outcome["folder_gone"]


def test_a_cancelled_upload_leaves_nothing_behind(tmp_path: Path) -> None:
    """A shutdown of the service during an upload cancels it."""
    folder = tmp_path / "incoming"
    waiting = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if waiting.is_set():
            await asyncio.sleep(60)
        waiting.set()
        return {"type": "http.request", "body": file_part("a.png", bytes(MIB)), "more_body": True}

    async def cancel() -> None:
        headers = [(b"content-type", MULTIPART["Content-Type"].encode())]
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        task = asyncio.create_task(receive_upload(request, folder, Settings(home=tmp_path)))
        while not (folder / "000000").exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert not folder.exists()
