"""The open loop against a real server."""

import time

import pytest
from http_server import OK, REFUSED, always, answering

from benchmarks.harness.pacing import NO_ANSWER, Outcome, Pace, content_length, pace, status_of
from benchmarks.harness.processes import free_port
from benchmarks.harness.request import NUMBER, Request

RENDER = Request(f"/{NUMBER}").render


def paced(port: int, rate: float, seconds: float, connections: int) -> tuple[Pace, list[Outcome]]:
    outcomes: list[Outcome] = []
    client = pace(
        port, RENDER, outcomes.append, rate=rate, seconds=seconds, connections=connections
    )
    return client, outcomes


def test_every_request_is_made_once_and_is_due_at_its_time() -> None:
    with answering(always(OK, 0)) as server:
        client, outcomes = paced(server.port, rate=200, seconds=1, connections=16)
    assert sorted(line for line, _ in server.requests) == sorted(
        f"GET /{number} HTTP/1.1" for number in range(200)
    )
    assert (client.sent, client.held_back, len(outcomes)) == (200, 0, 200)
    assert {outcome.status for outcome in outcomes} == {200}
    assert sorted(outcome.due for outcome in outcomes) == [number / 200 for number in range(200)]
    assert 0 < client.cores < 1
    assert client.connections == server.connections <= 16


def test_the_rate_does_not_wait_for_answers() -> None:
    with answering(always(OK, 0.5)) as server:
        client, outcomes = paced(server.port, rate=100, seconds=1, connections=200)
    assert (client.sent, client.held_back) == (100, 0)
    assert (
        client.connections > 30
    )  # at once; a closed loop over one connection would have sent two requests
    assert min(outcome.latency for outcome in outcomes) >= 0.5


def test_a_latency_counts_from_when_the_request_was_due() -> None:
    def stall(line: str) -> tuple[float, bytes]:
        if line == "GET /10 HTTP/1.1":
            time.sleep(0.4)  # the whole server: no other request is served
        return 0, OK

    with answering(stall) as server:
        _, outcomes = paced(server.port, rate=100, seconds=1, connections=100)
    late = [outcome for outcome in outcomes if outcome.latency > 0.1]
    assert len(late) > 20  # all requests due during the stall, not only the slow one


def test_a_request_without_a_free_connection_is_held_back() -> None:
    with answering(always(OK, 2)) as server:
        client, outcomes = paced(server.port, rate=50, seconds=1, connections=5)
    assert (client.sent, client.held_back, client.connections) == (5, 45, 5)
    assert len(outcomes) == 5


def test_refusals_are_recorded_with_their_headers() -> None:
    with answering(always(REFUSED, 0)) as server:
        _, outcomes = paced(server.port, rate=20, seconds=0.5, connections=4)
    assert {outcome.status for outcome in outcomes} == {503}
    assert all(b"\r\nretry-after: 2" in outcome.head for outcome in outcomes)


def test_a_closed_connection_counts_as_no_answer_and_is_replaced() -> None:
    with answering(lambda line: (0, b"" if line == "GET /3 HTTP/1.1" else OK)) as server:
        client, outcomes = paced(server.port, rate=20, seconds=0.5, connections=4)
    by_number = {outcome.number: outcome.status for outcome in outcomes}
    assert by_number == dict.fromkeys(range(10), 200) | {3: NO_ANSWER}
    assert client.held_back == 0


def test_a_service_that_is_not_running_gives_no_answers() -> None:
    client, outcomes = paced(free_port(), rate=20, seconds=0.5, connections=4)
    assert [outcome.status for outcome in outcomes] == [NO_ANSWER] * 10
    assert client.held_back == 0


def test_sent_is_called_before_the_last_answer() -> None:
    calls: list[float] = []
    started = time.perf_counter()
    with answering(always(OK, 1)) as server:
        pace(
            server.port,
            RENDER,
            lambda _: None,
            rate=10,
            seconds=0.5,
            connections=10,
            sent=lambda: calls.append(time.perf_counter() - started),
        )
        took = time.perf_counter() - started
    assert len(calls) == 1
    assert calls[0] < took - 0.5


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"http/1.1 200 ok\r\ncontent-length: 42", 42),
        (b"http/1.1 304 not modified\r\netag: x", 0),
        (b"http/1.1 200 ok\r\nx-content-length: 3\r\ncontent-length: 7\r\nx: y", 7),
    ],
)
def test_status_and_length_are_read_from_the_headers(head: bytes, length: int) -> None:
    assert content_length(head) == length
    assert status_of(head) in (200, 304)
