"""Sealed secrets open in their own place, under a key of the ring, and nowhere else."""

import pytest
from build_connection_svc import KEY, VAULT

from connection_svc.store.sealing import CurrentKeyMissing, KeyTooShort, Place, Sealed, Undecipherable, Vault

HERE = Place("grants", "biz_demo", "con_1")
ELSEWHERE = [
    Place("attempt_grants", "biz_demo", "con_1"),
    Place("grants", "biz_other", "con_1"),
    Place("grants", "biz_demo", "con_2"),
]


def test_what_was_sealed_opens_in_its_place() -> None:
    sealed = VAULT.seal(HERE, access_token="a", refresh_token="b")

    assert VAULT.open(HERE, sealed) == {"access_token": "a", "refresh_token": "b"}


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_row_copied_to_another_table_business_or_connection_does_not_open(place: Place) -> None:
    sealed = VAULT.seal(HERE, access_token="a")

    with pytest.raises(Undecipherable):
        VAULT.open(place, sealed)


def test_columns_of_one_row_cannot_be_swapped() -> None:
    sealed = VAULT.seal(HERE, access_token="a", refresh_token="b")
    swapped = Sealed(
        sealed.key_id,
        sealed.wrapped_key,
        {"access_token": sealed.columns["refresh_token"], "refresh_token": sealed.columns["access_token"]},
    )

    with pytest.raises(Undecipherable):
        VAULT.open(HERE, swapped)


@pytest.mark.parametrize("position", [0, 11, 12, -1])
def test_a_single_flipped_bit_is_noticed(position: int) -> None:
    sealed = VAULT.seal(HERE, access_token="a")
    damaged = bytearray(sealed.columns["access_token"])
    damaged[position] ^= 1

    with pytest.raises(Undecipherable):
        VAULT.open(HERE, Sealed(sealed.key_id, sealed.wrapped_key, {"access_token": bytes(damaged)}))


def test_a_ciphertext_cut_short_is_noticed() -> None:
    sealed = VAULT.seal(HERE, access_token="a")

    with pytest.raises(Undecipherable):
        VAULT.open(HERE, Sealed(sealed.key_id, sealed.wrapped_key, {"access_token": b"short"}))


def test_each_row_has_a_data_key_of_its_own() -> None:
    one, two = VAULT.seal(HERE, access_token="a"), VAULT.seal(HERE, access_token="a")

    with pytest.raises(Undecipherable):
        VAULT.open(HERE, Sealed(one.key_id, two.wrapped_key, one.columns))


def test_rows_sealed_under_an_earlier_key_still_open_after_the_current_one_changed() -> None:
    sealed = VAULT.seal(HERE, access_token="a")
    rotated = Vault({"k1": KEY, "k2": bytes(32)}, current="k2")

    assert rotated.open(HERE, sealed) == {"access_token": "a"}
    assert rotated.seal(HERE, access_token="a").key_id == "k2"


def test_a_row_whose_key_left_the_ring_does_not_open() -> None:
    sealed = VAULT.seal(HERE, access_token="a")

    with pytest.raises(Undecipherable):
        Vault({"k2": KEY}, current="k2").open(HERE, sealed)


def test_the_error_tells_the_place_and_not_the_secret() -> None:
    sealed = VAULT.seal(HERE, access_token="marker-in-the-secret")

    with pytest.raises(Undecipherable, match=r"grants\.wrapped_key of con_2") as caught:
        VAULT.open(ELSEWHERE[2], sealed)
    assert "marker" not in str(caught.value)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(KeyTooShort, match="key k1 has 16 bytes, not 32"):
        Vault({"k1": bytes(16)}, current="k1")


def test_a_ring_without_its_current_key_is_refused() -> None:
    with pytest.raises(CurrentKeyMissing, match="k2"):
        Vault({"k1": KEY}, current="k2")
