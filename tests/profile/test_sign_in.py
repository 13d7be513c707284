import pytest

from tests.harness.clock import NOON
from twofold.profile.sign_in import SignIn, how


@pytest.mark.parametrize(
    ("details", "said"),
    [
        ('{"methods": ["pwd", "otp"]}', "Password and code"),
        ('{"methods": ["pwd", "sms"]}', "pwd, sms"),
        ("{}", ""),
    ],
)
def test_a_line_of_the_log_of_any_version_can_be_told(details: str, said: str) -> None:
    assert how(SignIn(NOON, "192.0.2.7", "", details)) == said
