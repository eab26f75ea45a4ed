import zipfile
from pathlib import Path

import numpy as np
import pytest
from real_images import every_nth

from benchmarks.search.__main__ import configuration, report, seconds_per_image
from benchmarks.search.candidates import CANDIDATES
from benchmarks.search.datasets import HELD_OUT_IMAGES, prepare

SIDE = 28


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    random = np.random.default_rng(0)
    np.save(folder / "images.npy", random.integers(0, 256, (64, SIDE, SIDE, 1), np.uint8))
    return folder


@pytest.mark.parametrize("name", CANDIDATES)
def test_every_candidate_is_a_configuration_whose_schedules_end_with_the_run(
    name: str, noise: Path
) -> None:
    config = configuration(CANDIDATES[name], noise, seed=3, images=5_000)

    scheduled = any(field.endswith("_final") for field in CANDIDATES[name].overrides)
    assert (config.seed, config.images) == (3, 5_000)
    assert config.schedule_images == (5_000 if scheduled else 0)


def test_a_rate_is_measured_once_for_all_seeds(
    noise: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.search.__main__.RATE_SECONDS", 0.0)
    rates = tmp_path / "rates.jsonl"

    measured = seconds_per_image("batch-64", noise, rates)

    assert 0 < measured < 1
    assert seconds_per_image("batch-64", noise, rates) == measured
    seconds_per_image("dcgan", noise, rates)
    assert len(rates.read_text().splitlines()) == 2


@pytest.fixture
def some_cats(shared_data: Path, tmp_path: Path) -> Path:
    """A folder of two archives: 600 of the 3,000 cats, and these among others."""
    few = every_nth(shared_data / "cats-3000.zip", 5, tmp_path / "cats-3000.zip")
    every = every_nth(shared_data / "cats.zip", 10, tmp_path / "cats.zip")
    with zipfile.ZipFile(few) as part, zipfile.ZipFile(every, "a") as whole:
        known = {whole.read(name) for name in whole.namelist()}
        for name in part.namelist():
            if (data := part.read(name)) not in known:
                whole.writestr(f"few/{name}", data)
    return tmp_path


def test_no_candidate_learns_from_an_image_that_scores_it(
    some_cats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HELD_OUT_IMAGES, "cats", 200)
    with zipfile.ZipFile(some_cats / "cats.zip") as archive:
        every = len(archive.namelist())
    for name, count in (("cats", every - 200), ("cats-3000", 600), ("cats-500", 500)):
        learnt, held_out = (
            {picture.tobytes() for picture in np.load(folder / "images.npy")}
            for folder in prepare(tmp_path, some_cats, name)
        )
        assert (len(learnt), len(held_out)) == (count, 200)
        assert not learnt & held_out
        features = np.load(tmp_path / name / "features.npy")
        assert len(features) == count


def test_the_table_has_the_best_first_and_compares_with_the_article(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def line(candidate: str, frechet: float, minutes: float = 20) -> dict[str, object]:
        scores = {"frechet": frechet, "kid": 0.1, "recall": 0.4, "copy_rate": 0.0,
                  "real": {"recall": 0.8}}  # fmt: skip
        return {"candidate": candidate, "dataset": "cats", "seed": 0, "minutes": minutes,
                "images": 1000, "scores": scores, "rose": {"plateau": 500}}  # fmt: skip

    report([line("dcgan", 0.2), line("half", 0.1), line("half", 0.3, minutes=1)], 20)

    rows = capsys.readouterr().out.splitlines()[3:]
    assert rows == [
        "| half | 1 | 1,000 | 0.1000 ± 0.0000 | 0.50 | 0.1000 | 0.400 | 0.50 | 0.000 | plateau |",
        "| dcgan | 1 | 1,000 | 0.2000 ± 0.0000 | 1.00 | 0.1000 | 0.400 | 0.50 | 0.000 | plateau |",
    ]
