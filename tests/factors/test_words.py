import pytest

from twofold.directory.eligibility import Eligibility, Offer, Reason
from twofold.directory.password import Weakness
from twofold.factors import words
from twofold.factors.outcomes import SpentBackupCode, UsedCode, WrongCode, WrongConfirmation

LABEL = "Twofold (ada@acme.example)"
WRONG = (
    'That code is not right. Check that you are looking at "Twofold (ada@acme.example)" in your app and enter the code '
    "it shows now."
)
WRONG_BACKUP = "That backup code is not right. It has 24 letters and digits; spaces and dashes do not matter."
BEHIND = "Your phone's clock seems to be about 3 minutes behind. Set it to automatic time, then enter the new code."
AHEAD = "Your phone's clock seems to be about 1 minute ahead. Set it to automatic time, then enter the new code."
TWO_LEFT = " You have two attempts left before your account is locked."
ONE_LEFT = " You have one attempt left before your account is locked."
NONE_LEFT = " Your account is now locked."


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (WrongCode(4), WRONG),
        (WrongCode(3), WRONG),
        (WrongCode(2), WRONG + TWO_LEFT),
        (WrongCode(1), WRONG + ONE_LEFT),
        (WrongCode(0), WRONG + NONE_LEFT),
        (WrongCode(4, backup=True), WRONG_BACKUP),
        (WrongCode(2, backup=True), WRONG_BACKUP + TWO_LEFT),
        (WrongCode(4, -180), BEHIND),
        (WrongCode(4, -165), BEHIND),
        (WrongCode(1, 60), AHEAD + ONE_LEFT),
        (WrongCode(4, 89), AHEAD),
        (
            UsedCode(5),
            "You have already used this code, or a newer one. Wait for the next one, it comes within 30 seconds.",
        ),
        (SpentBackupCode(5), "That backup code has been used. A new one was shown to you when you used it."),
    ],
)
def test_a_refused_code_says_what_happened_and_what_to_do(
    outcome: WrongCode | UsedCode | SpentBackupCode, said: str
) -> None:
    assert words.refused_code(outcome, LABEL) == said


@pytest.mark.parametrize(
    ("drift", "minutes"), [(-60, 1), (-90, 2), (-120, 2), (-600, 10), (60, 1), (150, 2), (210, 4), (600, 10)]
)
def test_a_clock_that_is_off_is_told_in_minutes(drift: int, minutes: int) -> None:
    ahead_or_behind = "behind" if drift < 0 else "ahead"
    unit = "minute" if minutes == 1 else "minutes"
    assert words.clock_off(drift) == (
        f"Your phone's clock seems to be about {minutes} {unit} {ahead_or_behind}. "
        "Set it to automatic time, then enter the new code."
    )


@pytest.mark.parametrize(
    ("outcome", "begins"),
    [
        (WrongConfirmation(9), "That code is not right. Check that you are looking at the entry you have just added"),
        (WrongConfirmation(9, -180), "Your phone's clock seems to be about 3 minutes behind."),
        (WrongConfirmation(0), "That code is not right either. For your safety this set-up has ended"),
    ],
)
def test_a_code_that_confirms_nothing_says_why(outcome: WrongConfirmation, begins: str) -> None:
    assert words.wrong_confirmation(outcome).startswith(begins)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 second"), (2, "2 seconds"), (59, "59 seconds"), (60, "1 minute"), (61, "2 minutes"), (900, "15 minutes")],
)
def test_a_wait_is_told_in_everyday_words(seconds: int, said: str) -> None:
    assert words.wait(seconds) == f"Too many wrong passwords. Wait {said}, then try again."


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (Reason.EDITION, "your organisation's edition does not include it"),
        (Reason.UNLICENSED, "you do not have a licence"),
        (Reason.SSO, "your organisation signs in with single sign-on"),
        (Reason.SWITCHED_OFF, "your administrator has switched it off"),
    ],
)
def test_what_is_not_offered_says_why_and_whom_to_ask(reason: Reason, said: str) -> None:
    sentence = words.why_not(Eligibility(Offer.NOT_OFFERED, reason))
    assert sentence.startswith(f"Two-factor authentication is not available: {said}. Ask ")


@pytest.mark.parametrize(
    ("reason", "todo"),
    [
        (Reason.EDITION, "Ask our support"),
        (Reason.UNLICENSED, "Give yourself one under People"),
        (Reason.SSO, "It is protected where that is kept"),
        (Reason.SWITCHED_OFF, "You can change that under Policy"),
    ],
)
def test_an_administrator_is_not_sent_to_the_administrator(reason: Reason, todo: str) -> None:
    sentence = words.why_not(Eligibility(Offer.NOT_OFFERED, reason), to_admin=True)
    assert todo in sentence
    assert "your administrator" not in sentence


@pytest.mark.parametrize(
    "offer", [Eligibility(Offer.OFFERED, Reason.AVAILABLE), Eligibility(Offer.REQUIRED, Reason.POLICY)]
)
def test_what_is_offered_needs_no_reason(offer: Eligibility) -> None:
    assert words.why_not(offer) == ""


@pytest.mark.parametrize("why", list(Weakness))
def test_every_weakness_of_a_password_is_a_sentence(why: Weakness) -> None:
    sentence = words.weak_password(why)
    assert sentence.startswith("That password")
    assert sentence.endswith(".")
