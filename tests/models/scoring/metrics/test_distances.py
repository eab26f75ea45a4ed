"""Distances in blocks are the distances; ties and copies have sensible ones."""

import pytest
import torch
from torch import Tensor

from models.scoring.metrics import blocks
from models.scoring.metrics.distances import to_nearest, to_neighbour
from models.scoring.nearest import SAME_PICTURE


@pytest.fixture(params=[1 << 21, 5000])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "VALUES", request.param)


@pytest.mark.usefixtures("_blocks")
def test_blocks_give_the_nearest_and_the_kth_neighbour(cat_features: Tensor) -> None:
    a, b = cat_features[:100].double(), cat_features[100:].double()
    exact = torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
    assert torch.allclose(to_nearest(a.float(), b.float()).double(), exact.amin(1), atol=1e-4)
    among = torch.cdist(a, a, compute_mode="donot_use_mm_for_euclid_dist")
    third = among.kthvalue(4).values  # the first is the picture itself
    assert torch.allclose(to_neighbour(a.float(), 3).double(), third, atol=1e-4)


def test_too_few_pictures_have_the_farthest_for_a_neighbour(cat_features: Tensor) -> None:
    pair = cat_features[:2]
    apart = (pair[0] - pair[1]).norm()
    assert torch.allclose(to_neighbour(pair, 5), apart.expand(2), atol=1e-4)
    assert to_neighbour(pair[:1], 5).tolist() == pytest.approx([SAME_PICTURE])


def test_copies_keep_a_ball_around_them(cat_features: Tensor) -> None:
    assert to_neighbour(cat_features[:1].repeat(9, 1), 3).tolist() == pytest.approx(
        [SAME_PICTURE] * 9
    )
