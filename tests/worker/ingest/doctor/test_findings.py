import pytest

from worker.ingest.doctor.findings import SUGGESTS, advice, percent, sentence

KINDS = ("near_duplicates", "outliers", "letterboxed", "blurred", "blank", "levels")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_sentence_and_an_advice(kind: str) -> None:
    assert sentence(kind, 0, 0).startswith("No picture")
    assert advice(kind, 0, 0, dropped=False, padded=False) is None
    assert sentence(kind, 1, 0.01).startswith("1 picture shows")
    assert sentence(kind, 1234, 0.034).startswith("1,234 pictures (3.4 %) show")
    assert SUGGESTS[str(advice(kind, 5, 0.01, dropped=False, padded=False))]


def test_the_advice_follows_the_options() -> None:
    def suggested(kind: str, share: float = 0.1, **options: bool) -> str:
        options = {"dropped": False, "padded": False} | options
        return SUGGESTS[str(advice(kind, 5, share, **options))]

    assert "near_duplicates=drop" in suggested("near_duplicates")
    assert "left out" in suggested("near_duplicates", dropped=True)
    assert "fit=crop" in suggested("letterboxed", padded=True)
    assert "half the size" in suggested("blurred", share=0.6)


def test_shares_are_percents() -> None:
    assert [percent(share) for share in (0.5, 0.034, 0.0004)] == ["50 %", "3.4 %", "under 0.1 %"]
