"""The starter model is imported into an empty service, once, and never hinders a start."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain import jobs, starter
from app.domain.bundles import WEIGHTS
from app.domain.database import Database
from app.domain.imports import read_weights, weights_key
from app.domain.job_states import Stop
from app.domain.settings import Settings
from app.domain.starter import BUNDLE, GRAPH, MODEL, queue_starter
from app.domain.store import ObjectStore
from models.checkpoint import load_generator
from models.graph_template import GraphTemplate, TemplateError
from models.onnx_writer import export_generator

MAX_BYTES = 6_000_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", starter="cats")


def test_an_empty_service_imports_it_once_even_if_it_is_cancelled(
    database: Database, store: ObjectStore, settings: Settings
) -> None:
    job = queue_starter(database, store, settings)
    assert job is not None
    assert (job.kind, job.model, job.config["file"]) == ("import", MODEL, "starter.zip")
    assert store.local_copy(weights_key(job.id)).stat().st_size == job.config["bytes"]
    assert list((settings.home / "incoming").iterdir()) == []
    assert queue_starter(database, store, settings) is None
    with database.write() as session:
        jobs.request_stop(session, job.id, Stop.CANCEL)
    assert queue_starter(database, store, settings) is None


def test_it_is_not_imported_if_it_is_not_wanted(
    database: Database, store: ObjectStore, settings: Settings
) -> None:
    unwanted = settings.model_copy(update={"starter": "none"})
    assert queue_starter(database, store, unwanted) is None


def test_two_processes_that_start_at_once_queue_one_import(
    database: Database, store: ObjectStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = queue_starter(database, store, settings)
    assert first is not None
    monkeypatch.setattr(starter, "_has_jobs", lambda _: False)  # as the second one saw it before
    monkeypatch.setattr(starter, "MODEL", "cats-2")  # past the check of the name, too
    assert queue_starter(database, store, settings) is None
    assert {key.split("/")[1] for key in store.keys("jobs")} == {first.id}


def test_a_service_starts_without_it_if_its_file_cannot_be_read(
    database: Database, store: ObjectStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starter, "BUNDLE", Path("/nowhere/starter.zip"))
    assert queue_starter(database, store, settings) is None


def test_its_file_is_a_small_bundle_with_a_discriminator_for_fine_tuning(tmp_path: Path) -> None:
    assert BUNDLE.stat().st_size <= MAX_BYTES
    copy = tmp_path / BUNDLE.name
    copy.write_bytes(BUNDLE.read_bytes())
    weights = read_weights(copy, BUNDLE.name, Settings())
    assert weights.header.has_discriminator
    assert weights.header.config.shape == (64, 64, 3)
    assert weights.record.metrics is not None


def test_its_graph_gives_the_exported_file_and_refuses_other_weights(tmp_path: Path) -> None:
    """The ONNX file of the starter model is made without torch where it is imported."""
    with zipfile.ZipFile(BUNDLE) as bundle:
        weights = bundle.read(WEIGHTS)
    (tmp_path / WEIGHTS).write_bytes(weights)
    loaded, template = load_generator(tmp_path / WEIGHTS), GraphTemplate.read(GRAPH)
    exported = export_generator(
        loaded.generator, loaded.config, loaded.images_seen, template.weights_sha256
    )
    assert template.fill(weights) == exported
    with pytest.raises(TemplateError, match="not those of this template"):
        template.fill(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(TemplateError, match="differs from the exported one"):
        replace(template, parts=[b"", *template.parts[1:]]).fill(weights)
