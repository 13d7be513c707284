import pytest

from twofold.kit.crypto.argon2id_stored import Stored, read


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("$argon2id$v=19$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 43, Stored(8, 1, bytes(16), bytes(32))),
        ("$argon2id$v=19$m=8,t=1,p=2$" + "A" * 22 + "$" + "A" * 43, None),
        ("$argon2id$v=16$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 43, None),
        ("$argon2i$v=19$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 43, None),
        ("$argon2id$v=19$m=8,t=1,p=1$" + "A" * 11 + "$" + "A" * 43, None),
        ("$argon2id$v=19$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 86, None),
        ("$argon2id$v=19$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 43 + "\n", None),
        ("", None),
    ],
)
def test_strings_of_our_own_kind_are_read_and_no_others(stored: str, said: Stored | None) -> None:
    assert read(stored) == said
