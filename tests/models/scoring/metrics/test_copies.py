"""Copies are found, new pictures are not, and duplicates in the data do not hide the former."""

import torch
from torch import Tensor

from models.scoring.metrics.copies import KnownPictures
from models.scoring.nearest import SAME_PICTURE


def test_copies_count_and_pictures_that_are_new_do_not(cat_features: Tensor) -> None:
    known = KnownPictures.of(cat_features[:400], 400)
    new = cat_features[400:]
    assert known.copy_rate(cat_features[:200]) == 1
    assert known.copy_rate(new) <= 0.05  # 1 % is expected, of 200: two
    assert known.copy_rate(torch.cat([cat_features[:50], new[:150]])) >= 0.25


def test_a_copy_stored_in_half_precision_is_one(cat_features: Tensor) -> None:
    known = KnownPictures.of(cat_features.half(), 300)
    assert known.copy_rate(cat_features) == 1


def test_the_threshold_is_where_one_real_picture_in_a_hundred_lies(cat_features: Tensor) -> None:
    known = KnownPictures.of(cat_features, 600)
    apart = torch.cdist(cat_features.double(), cat_features.double()).fill_diagonal_(9).amin(1)
    assert abs(known.threshold - float(apart.quantile(0.01))) < 1e-3


def test_a_set_of_duplicates_still_finds_copies(cat_features: Tensor) -> None:
    twice = cat_features[:200].repeat(2, 1)
    known = KnownPictures.of(twice, 400)
    assert known.threshold == SAME_PICTURE
    assert known.copy_rate(cat_features[:100]) == 1
    assert known.copy_rate(cat_features[300:]) < 0.05


def test_a_single_picture_is_copied_by_itself_alone(cat_features: Tensor) -> None:
    known = KnownPictures.of(cat_features[:1], 1)
    assert known.copy_rate(cat_features[:1]) == 1
    assert known.copy_rate(cat_features[1:]) == 0
