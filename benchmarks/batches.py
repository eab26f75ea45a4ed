"""How merging pays: single images a second at 32 connections by the largest batch.

`python -m benchmarks.batches`. Each batch size has an API of its own, on loopback with a 64×64
generator of width 32. All of them run at once and are measured in turns; the median counts. With
a batch of 1 every image has a call of ONNX Runtime.
"""

import argparse
import os
import statistics
from contextlib import ExitStack

from fastapi import FastAPI

from app.main import create_app
from app.serving import engine
from app.up.service import api_program
from benchmarks.harness import machine
from benchmarks.harness.api import register_models, temporary_settings
from benchmarks.harness.processes import exit_on_sigterm, free_port, running_server
from benchmarks.harness.service import Service

BATCHES = (1, 2, 4, 8, 16)
VARIABLE = "BENCHMARK_BATCH"


def main(arguments: list[str] | None = None) -> None:
    options = parse_arguments(arguments)
    exit_on_sigterm()
    print(f"machine  {machine.describe()}; the service's batch: {engine.CPU_BATCH}", flush=True)
    with ExitStack() as stack:
        settings = stack.enter_context(temporary_settings())
        (checkpoint,) = register_models(settings)
        services = {}
        for batch in options.batches:
            port = free_port()
            environment = {"MOGGY_HOME": str(settings.home), "MOGGY_PORT": str(port)}
            program = api_program(settings.model_copy(update={"port": port}), environment)
            server = running_server(
                [
                    "benchmarks.batches:create_batched_app"
                    if word == "app.main:create_app"
                    else word
                    for word in program.command
                ],
                port=port,
                ready="/healthz",
                log=settings.home / f"api-{batch}.log",
                environment=dict(program.environment) | {VARIABLE: str(batch)},
            )
            services[batch] = Service(stack.enter_context(server), checkpoint, options.seconds)
        for _ in range(options.turns):
            for service in services.values():
                service.again()
    print(f"\n{'batch':>5} {'images/s':>9} {'of the best':>12} {'p99':>8}")
    best = max(service.rate for service in services.values())
    for batch, service in services.items():
        p99 = 1e3 * statistics.median(turn.p99 for turn in service.turns)
        print(f"{batch:5} {service.rate:9,.0f} {service.rate / best:12.0%} {p99:5.0f} ms")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4, help="of each turn")
    return parser.parse_args(arguments)


def create_batched_app() -> FastAPI:
    """The API whose largest batch is that of the environment variable; uvicorn calls it."""
    engine.CPU_BATCH = int(os.environ[VARIABLE])  # the factory of a process of its own
    return create_app()


if __name__ == "__main__":
    main()
