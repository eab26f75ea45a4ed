"""The pictures by BentoML: `POST /images` with `{"seeds": [7]}` answers `["BASE64"]`.

As its documentation has it: a batchable API, whose adaptive batching joins what waits. Such an API
takes and gives lists, and what is in an answer's list is JSON. A second service before it could
answer with the file itself, and was half as fast: each request then goes through two processes.
"""

import base64

import bentoml

from benchmarks.peers.assignment import Assignment
from benchmarks.peers.pictures import Pictures

TOLD = Assignment.read()
SETTING = TOLD.setting


@bentoml.service(
    workers=SETTING.workers,
    threads=1,
    # Nothing that is done for each request but the request.
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    tracing={"sample_rate": 0.0},
)
class Images:
    """One instance in each worker."""

    def __init__(self) -> None:
        self.pictures = Pictures(TOLD)

    @bentoml.api(batchable=True, max_batch_size=SETTING.batch, max_latency_ms=SETTING.wait_ms)
    def images(self, seeds: list[int]) -> list[str]:
        return [base64.b64encode(file).decode() for file in self.pictures(seeds)]
