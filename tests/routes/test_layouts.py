"""The layouts of a synthesis, which several parts of the project name."""

from typing import get_args, get_type_hints

from app.cli.new_jobs import synthesize
from app.domain.synthesis import LAYOUTS, OVERHEAD_BYTES
from app.routes.job_requests import JobRequest
from worker.synthesis.shards import SHARDS


def test_every_part_knows_the_same_layouts() -> None:
    hints = get_type_hints(JobRequest)["layout"], get_type_hints(synthesize)["layout"]
    said = [get_args(get_args(hint)[0]) for hint in hints]
    assert said == [LAYOUTS, LAYOUTS]
    assert (tuple(OVERHEAD_BYTES), tuple(SHARDS)) == (LAYOUTS, LAYOUTS)
