from http_server import OK, always, answering

from benchmarks.harness.request import NUMBER, Request


def test_each_request_has_another_number() -> None:
    request = Request(f"/images/{NUMBER}.png")
    assert request.render(7) == b"GET /images/7.png HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert b"/images/8.png" in request.render(8)


def test_a_body_is_posted_as_json_with_its_length() -> None:
    data = Request("/predict", f'{{"seed": {NUMBER}}}', {"X-Key": "k"}).render(12)
    head, _, body = data.partition(b"\r\n\r\n")
    assert body == b'{"seed": 12}'
    assert head.splitlines() == [
        b"POST /predict HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Content-Type: application/json",
        b"X-Key: k",
        b"Content-Length: 12",
    ]


def test_a_request_can_be_sent_alone() -> None:
    with answering(always(OK, 0)) as server:
        answer = Request("/predict", f'{{"seed": {NUMBER}}}').send(server.port, 3)
    assert (answer.status, answer.body) == (200, b"ok")
    assert server.requests == [("POST /predict HTTP/1.1", b'{"seed": 3}')]
