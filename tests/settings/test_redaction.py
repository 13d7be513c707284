"""What is shown of addresses, and of texts that others have put together."""

import pytest

from twofold import redaction

SHOWN = {
    "postgresql://ada:hidden@db.example:5432/x": "postgresql://ada:***@db.example:5432/x",
    "postgresql://ada@db.example/x?sslmode=require": "postgresql://ada@db.example/x?sslmode=require",
    "postgresql://ada:@db.example/x": "postgresql://ada:***@db.example/x",
    "postgresql://one:5432,two:5433/x?user=ada&password=hidden": "postgresql://one:5432,two:5433/x?user=ada&password=***",
    "postgresql://ada:hid@den@[::1]:5432/x": "postgresql://ada:***@[::1]:5432/x",
    "postgresql://ada:hid/den@db.example/x": "postgresql://ada:***@db.example/x",
    "postgresql://ada:hid?den@db.example/x": "postgresql://***",
    "postgresql://ada:hidden": "postgresql://ada:***",
    "postgresql://ada:1@db.example:hidden,two:hidden/x": "postgresql://ada:***@db.example:***,two:***/x",
    "postgresql:///x?PASSWORD=hidden&pass%77ord=hidden&hidden": "postgresql:///x?PASSWORD=***&pass%77ord=***&***",
    "postgresql:///x?options=-c%20hidden&passfile=/hidden": "postgresql:///x?options=***&passfile=***",
    "smtp://token:token@mail.example:587": "smtp://***:***@mail.example:587",
    "sqlite:////srv/two:fold/a@b.db": "sqlite:////srv/two:fold/a@b.db",
    "sqlite:///file:x?mode=ro&uri=true": "sqlite:///file:x?mode=ro&uri=true",
    "host=db password=hidden": "***",
}


@pytest.mark.parametrize(("said", "shown"), SHOWN.items())
def test_an_address_is_shown_without_what_may_be_a_secret(said: str, shown: str) -> None:
    assert redaction.address(said) == shown
    assert "hidden" not in redaction.text(f"cannot use '{said}', sorry")


TEXTS = {
    "connection to password='hid den' failed": "connection to password=*** failed",
    "dsn: host=db password=hidden user=ada": "dsn: host=db password=*** user=ada",
    "GET /v1/traces?token=hidden&x=1": "GET /v1/traces?token=***&x=1",
    'authorization="Bearer hidden"': "authorization=***",
    "write postgresql://user:password@host/x": "write postgresql://user:password@host/x",
    "see https://login.example.com/profile": "see https://login.example.com/profile",
    "password authentication failed for user ada": "password authentication failed for user ada",
}


@pytest.mark.parametrize(("said", "shown"), TEXTS.items())
def test_a_text_is_shown_without_what_may_be_a_secret(said: str, shown: str) -> None:
    assert redaction.text(said) == shown


def test_a_word_that_is_shown_anyway_is_no_secret() -> None:
    """Stops: a log without the word "twofold", because somebody took it for a password as well."""
    redaction.learn_address("postgresql://twofold:twofold@db.example/x")
    redaction.learn_address("postgresql://ada:inventory@db.example/inventory")
    redaction.learn_address("postgresql://ada:short@db.example/x")
    assert redaction.text("twofold serves the inventory, in short") == "twofold serves the inventory, in short"
