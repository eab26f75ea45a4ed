"""A request template: each time it is sent, it contains another number."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.domain.images.checkpoint import GeneratorCheckpoint

NUMBER = "{number}"  # placeholder in a path or a body
ANSWER_SECONDS = 60.0
GRID_IMAGES = 64


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Request:
    """A GET, or a POST if there is a body, which is JSON."""

    path: str
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    @property
    def all_headers(self) -> dict[str, str]:
        return ({"Content-Type": "application/json"} if self.body else {}) | dict(self.headers)

    def fill(self, number: int) -> tuple[str, bytes]:
        """Path and body with the number filled in."""
        path, body = (text.replace(NUMBER, str(number)) for text in (self.path, self.body))
        return path, body.encode()

    def render(self, number: int) -> bytes:
        """The bytes of the request for a keep-alive connection."""
        path, body = self.fill(number)
        fields = {"Host": "127.0.0.1"} | self.all_headers
        if body:
            fields["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{self.method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    def send(self, port: int, number: int) -> Answer:
        """Send it over a new connection; the answer may have any status."""
        path, body = self.fill(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        try:
            connection.request(self.method, path, body or None, self.all_headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()


def single_image(checkpoint: GeneratorCheckpoint) -> Request:
    return Request(f"/v1/models/{checkpoint.model}/images/{NUMBER}.png")


def grid_of_images(checkpoint: GeneratorCheckpoint) -> Request:
    body = f'{{"count": {GRID_IMAGES}, "seed": 1{NUMBER}000, "format": "grid"}}'
    return Request(f"/v1/models/{checkpoint.model}/images", body)
