"""Images by a plain FastAPI handler, `GET /images/7.png`: no batching, in FastAPI's thread pool."""

from fastapi import FastAPI, Response

from benchmarks.peers.assignment import Assignment
from benchmarks.peers.images import PeerImages


def create_app() -> FastAPI:
    make_images = PeerImages(Assignment.read())
    app = FastAPI()

    @app.get("/images/{seed}.png")
    def image(seed: int) -> Response:
        (file,) = make_images([seed])
        return Response(file, media_type="image/png")

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
