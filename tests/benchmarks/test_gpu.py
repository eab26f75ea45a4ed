import pytest
import torch

from benchmarks.gpu import main, shuffled_batches
from benchmarks.harness.packed_datasets import random_images


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    (line,) = capsys.readouterr().out.splitlines()
    assert "no GPU" in line


def test_every_part_runs_on_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    small = "--images 16 --width 8 --batch-size 4 --turns 1 --seconds 0.01 --workers 0"
    main(["--device", "cpu", *small.split(), "--presets", "mlp", "dcgan"])
    lines = capsys.readouterr().out.splitlines()
    starts = [line.split()[0] for line in lines if line]
    for part in ("products", "copies", "article", "example", "moggy", "ratio", "mlp", "dcgan"):
        assert part in starts
    assert any("16 images of dcgan" in line for line in lines)


def test_the_examples_loader_gives_normalised_batches_endlessly() -> None:
    images = random_images(10, (64, 64, 3))
    batches = shuffled_batches(images, batch_size=4, workers=0)
    first_batches = [next(batches) for _ in range(5)]  # two to an epoch
    assert {tuple(batch.shape) for batch in first_batches} == {(4, 3, 64, 64)}
    assert (min(float(batch.min()) for batch in first_batches), float(first_batches[0].max())) == (
        -1,
        1,
    )
