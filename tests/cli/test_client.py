import pytest
from servers import free_port

from app.cli.client import ServiceClient
from app.cli.errors import CommandError, ServiceBusy, ServiceUnreachable, WrongUsage

from .conftest import FakeService, as_json, as_problem


def test_an_absent_service_is_one_sentence_with_advice() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with ServiceClient(url) as client, pytest.raises(ServiceUnreachable) as caught:
        client.get("jobs")
    assert str(caught.value) == (
        f"No Moggy service answers at {url}: start one with `moggy up`, or set MOGGY_URL."
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://", "nonsense"])
def test_an_invalid_address_is_named(url: str) -> None:
    with pytest.raises(WrongUsage, match="is not an http or https address"):
        ServiceClient(url)


def test_a_problem_is_raised_with_its_field(service: FakeService) -> None:
    detail = "width 7 is out of range: 8 to 256"
    service.on("POST /v1/jobs", as_problem(422, "Invalid configuration", detail, field="width"))
    service.on("POST /v1/models", as_problem(422, "Invalid request", "unknown", field="widht"))
    with ServiceClient(service.url) as client:
        with pytest.raises(CommandError, match=f"^Invalid configuration: {detail}$"):
            client.post("jobs", {})
        with pytest.raises(CommandError, match=r"^Invalid request: unknown \(widht\)$"):
            client.post("models", {})


@pytest.mark.parametrize("noun", ["dataset", "model", "job"])
def test_a_missing_name_comes_with_the_command_that_lists_the_existing_ones(
    service: FakeService, noun: str
) -> None:
    detail = f"there is no {noun} 'cat'"
    service.on("POST /v1/jobs", as_problem(404, "Not found", detail, field=noun))
    with ServiceClient(service.url) as client, pytest.raises(CommandError) as caught:
        client.post("jobs", {})
    assert str(caught.value) == f"Not found: {detail}: `moggy {noun}s` lists the {noun}s"


def test_a_full_queue_is_a_busy_service(service: FakeService) -> None:
    service.on("POST /v1/jobs", as_problem(503, "Queue full", "1000 jobs wait"))
    with ServiceClient(service.url) as client, pytest.raises(ServiceBusy) as caught:
        client.post("jobs", {})
    assert caught.value.exit_code == 1


def test_another_program_at_the_address_is_recognised(service: FakeService) -> None:
    service.on("GET /v1/jobs", (200, "text/html", b"<html>"))
    service.on("GET /v1/models", (502, "text/html", b"<html>"))
    with ServiceClient(service.url) as client:
        with pytest.raises(CommandError, match="is not a Moggy service"):
            client.get("jobs")
        with pytest.raises(CommandError, match="returned HTTP 502 Bad Gateway without"):
            client.get("models")


def test_the_key_of_the_environment_is_sent(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOGGY_API_KEY", "secret")
    service.on("GET /v1/jobs", as_json({}))
    with ServiceClient.from_environment() as client:
        client.get("jobs")
    assert service.received[0].headers["Authorization"] == "Bearer secret"


def test_loopback_does_not_go_through_the_proxy_of_the_environment(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    service.on("GET /v1/jobs", as_json({"here": True}))
    with ServiceClient.from_environment() as client:
        assert client.get("jobs") == {"here": True}


def test_items_reads_every_page(service: FakeService) -> None:
    service.on("GET /v1/jobs?limit=200", as_json({"items": [{"id": 3}, {"id": 2}], "next": "2"}))
    service.on("GET /v1/jobs?limit=200&cursor=2", as_json({"items": [{"id": 1}], "next": None}))
    with ServiceClient(service.url) as client:
        assert [job["id"] for job in client.items("jobs")] == [3, 2, 1]
