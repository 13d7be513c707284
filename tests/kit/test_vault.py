import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.kit.crypto.tokens import new_token
from twofold.kit.crypto.vault import Sealed, Vault, VaultError
from twofold.setting_values import Key

OLD, NEW = Key("old", b"o" * 32), Key("new", b"n" * 32)
ROW = "authenticators.secret:1"
vault = Vault([OLD])


@given(st.binary(max_size=200), st.text(max_size=50))
def test_what_is_sealed_for_a_row_opens_for_that_row(secret: bytes, identity: str) -> None:
    assert vault.open(vault.seal(secret, identity), identity) == secret


def test_nothing_of_the_secret_can_be_seen_and_no_two_ciphertexts_are_alike() -> None:
    ciphertexts = {vault.seal(b"twenty secret bytes!", ROW).ciphertext for _ in range(100)}
    assert len(ciphertexts) == 100
    assert not any(b"secret" in one for one in ciphertexts)


def test_a_ciphertext_moved_to_another_row_does_not_open() -> None:
    sealed = vault.seal(b"secret", ROW)
    for elsewhere in ("authenticators.secret:2", "enrolments.secret:1", ""):
        with pytest.raises(VaultError):
            vault.open(sealed, elsewhere)


@pytest.mark.parametrize("place", [0, 11, 12, -17, -1])
def test_a_ciphertext_with_one_bit_changed_does_not_open(place: int) -> None:
    ciphertext = bytearray(vault.seal(b"secret", ROW).ciphertext)
    ciphertext[place] ^= 1
    with pytest.raises(VaultError):
        vault.open(Sealed("old", bytes(ciphertext)), ROW)


@pytest.mark.parametrize("length", [0, 5, 12, 27])
def test_a_ciphertext_cut_short_does_not_open(length: int) -> None:
    sealed = vault.seal(b"secret", ROW)
    with pytest.raises(VaultError):
        vault.open(Sealed("old", sealed.ciphertext[:length]), ROW)


def test_another_key_by_the_same_id_does_not_open() -> None:
    with pytest.raises(VaultError, match="wrong key"):
        Vault([Key("old", b"x" * 32)]).open(vault.seal(b"secret", ROW), ROW)


def test_a_key_that_is_not_in_the_ring_is_named() -> None:
    with pytest.raises(VaultError, match="'old' is not in TWOFOLD_KEYS"):
        Vault([NEW]).open(vault.seal(b"secret", ROW), ROW)


def test_the_first_key_seals_and_every_key_opens() -> None:
    ring = Vault([NEW, OLD])
    assert ring.active == "new"
    assert ring.key_ids == {"new", "old"}
    assert ring.seal(b"secret", ROW).key_id == "new"
    assert ring.open(vault.seal(b"secret", ROW), ROW) == b"secret"


def test_there_is_no_vault_without_a_key() -> None:
    with pytest.raises(VaultError, match="empty"):
        Vault([])


# --- tokens that bear our mark


def test_a_token_that_was_issued_is_told_from_one_that_was_made_up() -> None:
    token = vault.new_token("session")
    assert token.startswith("tf_session_")
    assert vault.issued(token)
    for made_up in (
        new_token("session"),
        token[:-1],
        token + "A",
        token.replace("session", "client"),
        "",
        "é",
        "\ud800",
    ):
        assert not vault.issued(made_up)
    assert not any(vault.issued(token[:place] + "." + token[place + 1 :]) for place in range(len(token)))


def test_a_token_is_known_as_long_as_the_key_of_its_mark_is_in_the_ring() -> None:
    token = vault.new_token("client")
    assert Vault([NEW, OLD]).issued(token)
    assert not Vault([NEW]).issued(token)
    assert vault.issued(Vault([OLD]).new_token("signin"))


def test_two_marks_differ_and_leave_the_random_bits_of_a_token_alone() -> None:
    tokens = {vault.new_token("session") for _ in range(100)}
    assert len({token[-22:] for token in tokens}) == len({token[:-22] for token in tokens}) == 100
    assert all(len(token) == len(new_token("session")) + 22 for token in tokens)
