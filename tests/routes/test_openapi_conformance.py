"""Every call of the OpenAPI document, with valid and invalid requests, answers as documented.

Schemathesis generates the requests from the document, the same ones in every run. Event streams
are left out, because they do not end.
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

STREAMS = r"/events$"
CONFIG = {
    # Longer than MOGGY_GENERATION_SECONDS. On a busy machine, the first call that needs the
    # embedding network may wait longer than the default of ten seconds until it is loaded.
    "request-timeout": 120,
    # 503 is a full queue, which is no failure. Calls without a queue do not document it.
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 503]}},
}
RUN = run_with(
    max_examples=15,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# Why a request that fits the document may be refused: by fields that exclude each other, by this
# model, this dataset or the settings.
REASONS = re.compile(
    "|".join(
        (
            r"this model's latents have 8",
            r"is not conditional, so it has no class",
            r"has no class .*: it has 0, 1",
            r"only a seed draws its class",
            r"seed is the first seed of count",
            r"holds one image, and \d+ are requested",
            r"passports are given as json",
            r"(reject_copies|min_quality) replaces a rejected seed",
            r"does not apply to json, which",
            r"is less than the \d+ keyframes",
            r"is more than a gif can show",
            r"every weight of .* is 0",
            r"cancel each other out",
            r"mixes are nested more than 8 deep",
            r"move the latent to the origin",
            r"is not DIRECTION:AMOUNT",
            r"is given more than once",
            r"has \d+ keyframes: give 2 to 64",
            r"is neither a seed nor a name",
            r"occurs twice",
            r"is not a readable NPZ",
            r"the NPZ has no array",
            r"images are requested; the limit for one request is",
            r"beyond the limit of 600",
            r"the limit for one response is",
            r"a job of kind \w+ has no field",
            r"needs model",
            r"give images or epochs, not both",
            r"only a training has a dry run",
            r"differs from the checkpoint's",
            r"is also given outside overrides",
            r"stability is given twice",
            r"does not apply to mlp networks",
            r"networks, and the checkpoint has mlp ones",
            r"out of range: 2 to 50000 pictures",
            r"needs classes",
            r"does not apply to the",
            r"is not computed with updates split",
            r"which the \w+ loss does not support",
            r"is never reached",
            r"images \d+ is out of range",
            r"a side is 28 to 256 pixels",
            r"the body is not a picture",
            r"holds no recipe",
            r"this zip holds no pictures",
            r"is beyond the limit of 60 seconds",
            r"give [xy], from 0 to 1",
            r"leave y out, or give 3 or 4 corners",
            r"a sheet (shows all places|is a png)",
            r"columns belongs to sheets",
            r"columns \d+ is more than the",
            r"is neither a safetensors file nor a zip",
            r"is less than the header of a safetensors file",
            r"no files? (was|were) sent: send a",
            r"bytes are accepted \(MOGGY_MAX_UPLOAD_BYTES",
            r"upload names \d+ files: at most",
            r"form field .* was sent twice",
            r"form field .* is not JSON",
            r"give color, class or latent, or send a picture",
            r"cannot be used: ",
            r"(seeds|amounts) .* are not 1 to",
            r"needs at least 2 on each side",
            r"are the same class",
            r"only a bundle contains the quality reference",
            r"a bundle contains exactly",
            r"layer \d+ does not exist",
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
    """Every operation of the document except the streams."""
    config = schemathesis.Config.from_dict(CONFIG)
    document = schemathesis.openapi.from_dict(api.document, config=config)
    operations: Iterator[Any] = document.exclude(path_regex=STREAMS).get_all_operations()
    calls = [operation.ok() for operation in operations]
    assert len(calls) > 30
    return calls


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # or it reads the environment and ~/.netrc before each request
        yield session


def existing_parameters(call: Any, api: Running) -> list[dict[str, str]]:
    """Return path parameters of existing resources, so that requests get further than a 404."""
    names = ["noise"] if call.path.startswith("/v1/datasets") else ["plain", "classes"]
    known = [
        {"name": name, "job_id": job, "checkpoint_id": api.checkpoint}
        for name in names
        for job in api.jobs
    ]
    wanted = {parameter.name for parameter in call.path_parameters}
    selections = [{name: values[name] for name in values if name in wanted} for values in known]
    return list({tuple(values.items()): values for values in selections}.values())


def strategies(
    call: Any, mode: GenerationMode, api: Running, session: requests.Session
) -> Iterator[st.SearchStrategy[schemathesis.Case[Any]]]:
    for parameters in existing_parameters(call, api):
        yield call.as_strategy(mode, path_parameters=parameters)
    if call.path.startswith("/v1/recipes") and mode is GenerationMode.POSITIVE:
        picture = session.get(f"{api.url}/v1/models/classes/images/7.png").content
        yield call.as_strategy(mode, body=picture, media_type=ANY_BINARY)


def fit_to_service(case: schemathesis.Case[Any], api: Running) -> None:
    """Replace names and latents by existing ones, which the document cannot know."""
    fits = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    known = {"dataset": "noise", "checkpoint": api.checkpoint, "resume_from": api.checkpoint}
    containers: list[Any] = [case.query, case.body]
    for container in containers:
        for field in container if isinstance(container, dict) else ():
            given = container[field]
            if field in known and isinstance(given, str) and re.fullmatch("[a-z0-9]{1,64}", given):
                container[field] = known[field]
    if not fits:
        return
    if case.media_type == "application/json":
        case.body = _with_latents_of_model(case.body)
    if case.operation.label == "POST /v1/jobs":
        case.body = _with_fields_of_kind(case.body)
    if "images_seen" in case.path_parameters:
        case.path_parameters["images_seen"] = SAMPLE_AT


def _with_fields_of_kind(body: Any) -> dict[str, Any]:
    """Keep the fields of the job's kind, without those that exclude others."""
    kind = body.get("kind", "train")
    left_out = {"epochs", "resume_from", "overrides"} if "images" in body else {"resume_from"}
    kept = {"kind", "dataset", *FIELDS[kind]} - left_out
    return {"model": "plain"} | {name: value for name, value in body.items() if name in kept}


def _with_latents_of_model(body: Any) -> Any:
    """Give latents the length that the models' latents have."""
    if isinstance(body, list):
        return [_with_latents_of_model(item) for item in body]
    if not isinstance(body, dict):
        return body
    return {
        name: [*value, *[0.5] * LATENT_DIM][:LATENT_DIM]
        if name == "latent" and isinstance(value, list)
        else _with_latents_of_model(value)
        for name, value in body.items()
    }


def check(case: schemathesis.Case[Any], api: Running, session: requests.Session) -> None:
    """Send the request; the response fits the document, and a refusal has one of the REASONS."""
    fit_to_service(case, api)
    response = case.call(base_url=api.url, session=session)
    excused: list[Any] = []
    if response.status_code == 422 and REASONS.search(response.json()["detail"]):
        excused.append(positive_data_acceptance)
    if response.status_code >= 400:
        assert response.headers["content-type"] == [PROBLEM_JSON]
        assert set(response.json()) <= set(PROBLEM["properties"])
    case.validate_response(response, excluded_checks=excused, transport_kwargs={"session": session})


@pytest.mark.timeout(900)  # thousands of requests, which take minutes on an old core
def test_the_boundary_values_of_every_parameter(
    subtests: pytest.Subtests, calls: list[Any], api: Running, session: requests.Session
) -> None:
    for call in calls:
        generation = call.schema.config.generation_for(operation=call, phase="coverage")
        cases = call.schema.iter_coverage_cases(
            call, generation_modes=list(GenerationMode), generation_config=generation
        )
        with subtests.test(call.label):
            for number, case in enumerate(cases):
                known = existing_parameters(call, api)
                case.path_parameters.update(known[number % len(known)])
                check(case, api, session)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_random_requests_that_do_and_do_not_fit_the_document(
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
        def send(case: schemathesis.Case[Any]) -> None:
            check(case, api, session)

        with subtests.test(call.label):
            try:
                send()
                tried += 1
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # nothing can be invalid
    assert tried >= 15  # the other calls take nothing invalid but their address
