import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.factors.kinds_flow import BACKUP_CODE, TOTP, Proof, parse
from twofold.factors.proof import Malformed

BACKUP = "7K3MQ9XWB2CD4E5F6G8HJNPR"


@pytest.mark.parametrize(
    "typed",
    [
        "123456",
        "123 456",
        " 123456 ",
        "12 34 56",
        "123-456",
        "123–456",
        "123—456",
        "123\u00a0456",
        "\t123456\r\n",
        "1 2 3 4 5 6",
    ],
)
def test_six_digits_are_a_code_whatever_blanks_and_dashes(typed: str) -> None:
    assert parse(typed) == Proof(TOTP, "123456")


@pytest.mark.parametrize(
    "typed",
    [
        "7K3MQ9XWB2CD4E5F6G8HJNPR",
        "7K3M-Q9XW-B2CD-4E5F-6G8H-JNPR",
        "7k3m q9xw b2cd 4e5f 6g8h jnpr",
        " 7K3M–Q9XW–B2CD–4E5F–6G8H–JNPR\n",
    ],
)
def test_a_backup_code_is_one_in_any_case_and_grouping(typed: str) -> None:
    assert parse(typed) == Proof(BACKUP_CODE, BACKUP)


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert parse("ooooOOOOiiiiIIIIllllLLLL") == Proof(BACKUP_CODE, "000000001111111111111111")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "12345",
        "1234567",
        "12345a",
        "１２３４５６",  # noqa: RUF001 - full-width digits are the point
        "١٢٣٤٥٦",
        "²³¹⁴⁵⁶",
        "-1234567",
        "+12345",
        "1.2345",
        "0x1234",
        "123_456",
        "123\0456",
        BACKUP[:-1],
        BACKUP + "A",
        BACKUP[:-1] + "U",
        BACKUP[:-1] + "ß",
        "ﬀ" + BACKUP[:-2],
        "K" + BACKUP[1:-1] + "\u212a",  # the Kelvin sign folds to k
        "123456" + " " * 95,
        "1" * 10_000,
    ],
)
def test_what_can_be_neither_is_malformed(typed: str) -> None:
    assert parse(typed) == Malformed()


def test_a_hundred_characters_are_the_most_that_is_looked_at() -> None:
    assert parse("123456" + " " * 94) == Proof(TOTP, "123456")


@given(st.text(max_size=120))
def test_whatever_is_typed_is_one_of_three_things(typed: str) -> None:
    proof = parse(typed)
    if isinstance(proof, Malformed):
        return
    if proof.kind is TOTP:
        assert isinstance(proof.given, str)
        assert len(proof.given) == 6
        assert set(proof.given) <= set("0123456789")
    else:
        assert proof.kind is BACKUP_CODE
        assert isinstance(proof.given, str)
        assert len(proof.given) == 24
