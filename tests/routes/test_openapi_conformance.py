"""Every call of the OpenAPI document, with what fits it and what does not: no answer is a surprise.

Schemathesis makes the requests from the document, the same ones at every run. Event streams, which
do not end, are left out.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from running_api import LATENT_DIM, SAMPLE_AT, Running, running_api
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.domain.settings import Settings
from app.routes.job_requests import FIELDS
from app.routes.openapi import ANY_BINARY, PROBLEM
from app.routes.protocol.problems import PROBLEM_JSON

pytestmark = pytest.mark.slow

STREAMS = "/v1/jobs/{job_id}/events"
# A full queue is no failure; where there can be none, the document does not name 503.
CONFIG = {"checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 503]}}}
RUN = run_with(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Why what fits the document may be refused all the same: what a field means beside the others, to
# this model, to this dataset, within the settings. Each is in the document's words for its request.
REASONS = re.compile(
    "|".join(
        (
            r"this model's latents have 8",
            r"is not conditional, so it has no class",
            r"has no class .*: it has 0, 1",
            r"only a seed draws its class",
            r"seed is where count starts from",
            r"holds one image and \d+ are asked for",
            r"passports are given as json",
            r"reject_copies replaces a copied seed",
            r"is for pictures, and json holds none",
            r"is less than the \d+ keyframes",
            r"is beyond what a gif can show",
            r"every weight of .* is 0",
            r"cancel each other out",
            r"mixes are nested more than 8 deep",
            r"images are asked for; one request may ask for",
            r"beyond the limit of 600",
            r"one answer may have",
            r"a job of kind \w+ has no field",
            r"needs model",
            r"give images or epochs, not both",
            r"only a training has a dry run",
            r"is not what the checkpoint has",
            r"is also given outside overrides",
            r"stability is given twice",
            r"is nothing that mlp networks have",
            r"networks, and the checkpoint has mlp ones",
            r"out of range: 2 to 50000 pictures",
            r"needs classes",
            r"means nothing to the",
            r"is not computed where",
            r"which the \w+ loss cannot",
            r"is never reached",
            r"images \d+ is out of range",
            r"a side is 28 to 256 pixels",
            r"the body is no picture",
            r"holds no recipe",
            r"is beyond the limit of 60 seconds",
            r"columns belongs to sheets",
            r"columns \d+ is more than the",
        )
    )
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("api")
    settings = Settings(home=folder / "home", redis_url=valkey_url, max_queued_jobs=5)
    with running_api(folder, settings) as running:
        yield running


@pytest.fixture(scope="module")
def calls(api: Running) -> list[Any]:
    """Every operation of the document but the streams."""
    config = schemathesis.Config.from_dict(CONFIG)
    document = schemathesis.openapi.from_dict(api.document, config=config)
    found = [one.ok() for one in document.exclude(path=STREAMS).get_all_operations()]
    assert len(found) > 30
    return found


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def places(call: Any, api: Running) -> list[dict[str, str]]:
    """Path parameters of what is there, so that a request comes further than to a 404."""
    names = ["noise"] if call.path.startswith("/v1/datasets") else ["plain", "classes"]
    known = [{"name": name, "job_id": job} for name in names for job in api.jobs]
    wanted = {one.name for one in call.path_parameters}
    return list(
        {
            tuple(place.items()): place
            for place in ({name: one[name] for name in one if name in wanted} for one in known)
        }.values()
    )


def strategies(
    call: Any, mode: GenerationMode, api: Running, session: requests.Session
) -> Iterator[st.SearchStrategy[schemathesis.Case]]:
    for place in places(call, api):
        yield call.as_strategy(mode, path_parameters=place)
    if call.path.startswith("/v1/recipes") and mode is GenerationMode.POSITIVE:
        picture = session.get(f"{api.url}/v1/models/classes/images/7.png").content
        yield call.as_strategy(mode, body=picture, media_type=ANY_BINARY)


def lead(case: schemathesis.Case, api: Running) -> None:
    """Put what there is for what the document cannot know: names, and how long a latent is."""
    fits = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    known = {"dataset": "noise", "checkpoint": api.checkpoint, "resume_from": api.checkpoint}
    for place in (case.query, case.body):
        for field in place if isinstance(place, dict) else ():
            given = place[field]
            if field in known and isinstance(given, str) and re.fullmatch("[a-z0-9]{1,64}", given):
                place[field] = known[field]
    if not fits:
        return
    if case.media_type == "application/json":
        case.body = _of_length(case.body)
    if case.operation.label == "POST /v1/jobs":
        case.body = _of_one_kind(case.body)
    if "images_seen" in case.path_parameters:
        case.path_parameters["images_seen"] = SAMPLE_AT


def _of_one_kind(body: dict[str, Any]) -> dict[str, Any]:
    """The same with the fields alone that its kind has, and without those that exclude others."""
    kind = body.get("kind", "train")
    left_out = {"epochs", "resume_from", "overrides"} if "images" in body else {"resume_from"}
    kept = {"kind", "dataset", *FIELDS[kind]} - left_out
    return {"model": "plain"} | {name: value for name, value in body.items() if name in kept}


def _of_length(body: Any) -> Any:
    """The same with latents as long as the models' are."""
    if isinstance(body, list):
        return [_of_length(one) for one in body]
    if not isinstance(body, dict):
        return body
    return {
        name: [*value, *[0.5] * LATENT_DIM][:LATENT_DIM]
        if name == "latent" and isinstance(value, list)
        else _of_length(value)
        for name, value in body.items()
    }


def ask(case: schemathesis.Case, api: Running, session: requests.Session) -> None:
    """Send it; its answer is as the document says, and a refusal has one of the REASONS."""
    lead(case, api)
    response = case.call(base_url=api.url, session=session)
    excused = []
    if response.status_code == 422 and REASONS.search(response.json()["detail"]):
        excused.append(positive_data_acceptance)
    if response.status_code >= 400:
        assert response.headers["content-type"] == [PROBLEM_JSON]
        assert set(response.json()) <= set(PROBLEM["properties"])
    case.validate_response(response, excluded_checks=excused, transport_kwargs={"session": session})


def test_the_edges_of_every_parameter(
    subtests: pytest.Subtests, calls: list[Any], api: Running, session: requests.Session
) -> None:
    for call in calls:
        generation = call.schema.config.generation_for(operation=call, phase="coverage")
        cases = call.schema.iter_coverage_cases(
            call, generation_modes=list(GenerationMode), generation_config=generation
        )
        with subtests.test(call.label):
            for number, case in enumerate(cases):
                known = places(call, api)
                case.path_parameters.update(known[number % len(known)])
                ask(case, api, session)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_what_fits_the_document_and_what_does_not(
    subtests: pytest.Subtests,
    calls: list[Any],
    api: Running,
    session: requests.Session,
    mode: GenerationMode,
) -> None:
    tried = 0
    for call in calls:

        @RUN
        @given(st.one_of(*strategies(call, mode, api, session)))
        def asked(case: schemathesis.Case) -> None:
            ask(case, api, session)

        with subtests.test(call.label):
            try:
                asked()
                tried += 1
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # it takes nothing that could be wrong
    assert tried >= 15  # calls: of the others, nothing can be wrong but their address
