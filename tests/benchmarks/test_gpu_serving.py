import pytest
import torch

from benchmarks.gpu_serving import main


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    (line,) = capsys.readouterr().out.splitlines()
    assert "no GPU" in line


def test_every_part_and_all_together_are_measured_on_the_cpu(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--device", "cpu", "--width", "8", "--seconds", "0.01", "--batches", "1", "5"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line]
    assert [row[0] for row in rows] == [
        *("machine", "device", "float32", "batch", "batch", "bfloat16", "batch", "batch")
    ]
    for row in rows:
        if row[0] == "batch":
            assert row[1] in ("1", "5")
            assert min(float(rate.replace(",", "")) for rate in row[2:6]) > 0
            assert row[6].rstrip(",") in ("latents", "forward", "encode")
