"""The number format and threads follow from the machine, and from the run that goes on."""

from dataclasses import replace

import pytest
import torch

from models.precision import Machine, choose_machine, native_bfloat16

CPU = torch.device("cpu")


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.mark.usefixtures("no_cuda")
@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({}, "float32"),
        ({"avx512_bf16": False, "amx_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
    ],
)
def test_bfloat16_only_where_the_cpu_has_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: capabilities)
    assert choose_machine("auto").precision == precision
    assert choose_machine("bfloat16").precision == "bfloat16"
    assert choose_machine("float32").precision == "float32"


@pytest.mark.usefixtures("no_cuda")
def test_a_resumed_run_keeps_its_precision_and_on_the_same_kind_of_machine_its_threads() -> None:
    here = choose_machine("auto")
    previous = replace(here, threads=here.threads + 1, precision="float32")
    assert choose_machine("auto", previous) == previous
    elsewhere = replace(previous, cores=here.cores + 8)
    assert choose_machine("auto", elsewhere) == replace(here, precision="float32")


@pytest.mark.usefixtures("no_cuda")
def test_a_run_from_a_machine_with_bfloat16_resumes_on_one_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    previous = replace(choose_machine("auto"), precision="bfloat16")
    assert choose_machine("auto", previous).precision == "float32"


@pytest.mark.skipif(not native_bfloat16(CPU), reason="no native bfloat16 here")
def test_autocast_computes_in_the_chosen_format() -> None:
    image, weight = torch.randn(1, 3, 8, 8), torch.randn(4, 3, 3, 3)
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with Machine(CPU, name, 1, 1).autocast():
            assert torch.nn.functional.conv2d(image, weight).dtype == dtype
