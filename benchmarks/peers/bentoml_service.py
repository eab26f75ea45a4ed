"""Images by BentoML: `POST /images` with `{"seeds": [7]}` answers `["BASE64"]`.

Follows its documentation: a batchable API, whose adaptive batching joins waiting requests. Such an
API takes and returns lists, and the returned list is JSON. A second service in front of it could
answer with the file itself, but was half as fast: each request then passes two processes.
"""

import base64

import bentoml

from benchmarks.peers.assignment import Assignment
from benchmarks.peers.images import PeerImages

ASSIGNMENT = Assignment.read()
SETTING = ASSIGNMENT.setting


@bentoml.service(
    workers=SETTING.workers,
    threads=1,
    # Without further work per request.
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"sample_rate": 0.0},
)
class Images:
    """Each worker has one instance."""

    def __init__(self) -> None:
        self.make_images = PeerImages(ASSIGNMENT)

    @bentoml.api(batchable=True, max_batch_size=SETTING.batch, max_latency_ms=SETTING.wait_ms)
    def images(self, seeds: list[int]) -> list[str]:
        return [base64.b64encode(file).decode() for file in self.make_images(seeds)]
