"""Images by LitServe: `POST /predict` with `{"seed": 7}` answers with the file.

Follows its documentation: the hooks of a LitAPI, batching, and the fast queue (ZeroMQ), which is
recommended above 100 requests per second.
"""

import litserve
from fastapi import Response

from benchmarks.peers.assignment import Assignment
from benchmarks.peers.images import PeerImages


class Images(litserve.LitAPI):
    """The hooks of a LitAPI, in the order in which they are called."""

    def setup(self, device: str) -> None:  # noqa: ARG002
        self.make_images = PeerImages(Assignment.read())

    def decode_request(self, request: dict[str, int]) -> int:
        return request["seed"]

    def batch(self, inputs: list[int]) -> list[int]:
        return inputs

    def predict(self, seeds: list[int]) -> list[bytes]:
        return self.make_images(seeds)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        return output

    def encode_response(self, output: bytes) -> Response:
        return Response(output, media_type="image/png")


def main() -> None:
    assignment = Assignment.read()
    setting = assignment.setting
    images = Images(max_batch_size=setting.batch, batch_timeout=setting.wait_ms / 1000)
    server = litserve.LitServer(
        images, accelerator="cpu", workers_per_device=setting.workers, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=assignment.port,
        num_api_servers=setting.servers,
        log_level="error",  # no line per request
        generate_client_file=False,
    )


if __name__ == "__main__":
    main()
