"""Images by a plain FastAPI handler, `GET /images/7.png`: no batching, in FastAPI's thread pool."""

from fastapi import FastAPI, Response

from benchmarks.peers.assignment import Assignment
from benchmarks.peers.pictures import Pictures


def create_app() -> FastAPI:
    pictures = Pictures(Assignment.read())
    app = FastAPI()

    @app.get("/images/{seed}.png")
    def image(seed: int) -> Response:
        (file,) = pictures([seed])
        return Response(file, media_type="image/png")

    @app.get("/health")
    def health() -> str:
        return "ok"

    return app
