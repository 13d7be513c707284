from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness import authenticator
from tests.harness.clock import NOON, STEP, later
from twofold.factors.totp import codes as totp
from twofold.factors.totp.codes import NEVER, Accepted, Drift, Used, Wrong

RFC_KEY = b"12345678901234567890"
SECRET = bytes(range(20))
NOW = totp.step_of(NOON)

secrets = st.binary(min_size=20, max_size=20)
# From 1970 to far beyond the 32 bits of seconds, which run out in 2106.
moments = st.datetimes(datetime(1971, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


# --- the numbers of the standards


def test_codes_are_those_of_rfc_4226_appendix_d() -> None:
    assert [totp.code_of(RFC_KEY, counter) for counter in range(10)] == [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_the_last_six_digits_of_rfc_6238_appendix_b(seconds: int, eight_digits: str) -> None:
    step = totp.step_of(datetime.fromtimestamp(seconds, UTC))
    assert totp.code_of(RFC_KEY, step) == eight_digits[-6:]


def test_a_step_beyond_32_bits_of_seconds_is_a_step_like_any_other() -> None:
    at = datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC)  # 2**32 seconds after 1970
    assert totp.step_of(at) == 2**32 // 30
    assert totp.code_of(RFC_KEY, 2**32) == authenticator.code(
        totp.base32(RFC_KEY), datetime.fromtimestamp(2**32 * 30, UTC)
    )


@given(secrets, moments)
def test_oathtool_computes_the_same_codes(secret: bytes, at: datetime) -> None:
    assert totp.code_of(secret, totp.step_of(at)) == authenticator.code(totp.base32(secret), at)


@pytest.mark.parametrize(("seconds", "step"), [(0, 0), (29.999, 0), (30, 1), (59.999, 1), (60, 2)])
def test_a_step_is_thirty_seconds_and_begins_with_its_first(seconds: float, step: int) -> None:
    assert totp.step_of(datetime.fromtimestamp(seconds, UTC)) == step


# --- the window: one step to either side of now, and no further


@pytest.mark.parametrize("distance", [-1, 0, 1])
def test_a_code_is_accepted_one_step_to_either_side(distance: int) -> None:
    code = totp.code_of(SECRET, NOW + distance)
    assert totp.match(SECRET, code, NOON, NEVER) == Accepted(NOW + distance)


@pytest.mark.parametrize("distance", [-2, 2])
def test_a_code_two_steps_away_is_not_accepted(distance: int) -> None:
    code = totp.code_of(SECRET, NOW + distance)
    assert totp.match(SECRET, code, NOON, NEVER) == Drift(NOW + distance, distance * 30)


def test_the_window_moves_with_the_second_at_which_a_step_begins() -> None:
    code = totp.code_of(SECRET, NOW - 1)
    last_moment = later(seconds=29, microseconds=999_999)
    assert totp.match(SECRET, code, last_moment, NEVER) == Accepted(NOW - 1)
    assert totp.match(SECRET, code, later(seconds=30), NEVER) == Drift(NOW - 1, -60)


@given(secrets, moments, st.integers(-40, 40), st.integers(-3, 3))
def test_what_is_accepted_is_a_fresh_step_of_the_window_that_the_code_belongs_to(
    secret: bytes, at: datetime, distance: int, last: int
) -> None:
    now = totp.step_of(at)
    code = totp.code_of(secret, now + distance)
    verdict = totp.match(secret, code, at, now + last)
    if isinstance(verdict, Accepted):
        assert abs(verdict.step - now) <= 1
        assert verdict.step > now + last
        assert totp.code_of(secret, verdict.step) == code
    elif abs(distance) <= 1:
        assert distance <= last
        assert verdict == Used()


@given(secrets, moments, st.from_regex(r"[0-9]{6}", fullmatch=True))
def test_a_code_of_no_step_within_ten_minutes_is_wrong(secret: bytes, at: datetime, code: str) -> None:
    now = totp.step_of(at)
    fits = [step for step in range(now - 20, now + 21) if totp.code_of(secret, step) == code]
    verdict = totp.match(secret, code, at, NEVER)
    assert isinstance(verdict, Wrong) == (not fits)


def test_the_first_step_of_1970_is_a_step_like_any_other() -> None:
    first = datetime.fromtimestamp(0, UTC)
    assert totp.match(SECRET, totp.code_of(SECRET, 0), first, NEVER) == Accepted(0)


def test_no_step_lies_before_1970() -> None:
    assert isinstance(totp.match(SECRET, "000000", datetime.fromtimestamp(0, UTC), NEVER), Wrong)


# --- a step is accepted once


@pytest.mark.parametrize("last_step", [NOW, NOW + 1, NOW + 1000])
def test_a_step_at_or_below_the_last_accepted_one_is_used(last_step: int) -> None:
    assert totp.match(SECRET, totp.code_of(SECRET, NOW), NOON, last_step) == Used()


def test_the_step_after_the_last_accepted_one_is_accepted() -> None:
    assert totp.match(SECRET, totp.code_of(SECRET, NOW + 1), NOON, NOW) == Accepted(NOW + 1)


def test_an_older_step_of_the_window_is_used_once_a_newer_one_was_accepted() -> None:
    assert totp.match(SECRET, totp.code_of(SECRET, NOW - 1), NOON, NOW) == Used()


def test_a_step_that_was_disclosed_is_used_when_its_time_comes() -> None:
    code = totp.code_of(SECRET, NOW)
    assert totp.match(SECRET, code, NOON, NEVER, {NOW}) == Used()
    assert totp.match(SECRET, code, NOON, NEVER, {NOW + 1}) == Accepted(NOW)


# --- hints about the clock


@pytest.mark.parametrize(("distance", "seconds"), [(-20, -600), (-6, -180), (-2, -60), (2, 60), (6, 180), (20, 600)])
def test_a_code_of_another_time_within_ten_minutes_tells_how_far_the_clock_is_off(distance: int, seconds: int) -> None:
    assert totp.match(SECRET, totp.code_of(SECRET, NOW + distance), NOON, NEVER) == Drift(NOW + distance, seconds)


@pytest.mark.parametrize("distance", [-21, 21])
def test_a_code_beyond_ten_minutes_is_wrong(distance: int) -> None:
    assert totp.match(SECRET, totp.code_of(SECRET, NOW + distance), NOON, NEVER) == Wrong()


def test_an_old_code_that_was_accepted_in_its_time_is_used_and_no_hint() -> None:
    code = totp.code_of(SECRET, NOW - 10)
    assert totp.match(SECRET, code, NOON, NOW - 10) == Used()
    assert totp.match(SECRET, code, NOON, NOW - 11) == Drift(NOW - 10, -300)


def test_an_old_code_that_nobody_used_is_a_hint_also_after_a_newer_one() -> None:
    """A phone that is three minutes slow right after the set-up, whose code was accepted a moment ago."""
    code = totp.code_of(SECRET, NOW - 6)
    assert totp.match(SECRET, code, NOON, NOW) == Drift(NOW - 6, -180)
    assert totp.match(SECRET, code, NOON, NOW - 5) == Drift(NOW - 6, -180)


def test_of_two_times_that_a_code_fits_the_nearer_one_is_hinted_at() -> None:
    """A code that two steps share: found by trying secrets, because six digits repeat."""
    for number in range(100_000):
        secret = number.to_bytes(20, "big")
        steps: dict[str, list[int]] = {}
        for distance in (*range(-20, -1), *range(2, 21)):
            steps.setdefault(totp.code_of(secret, NOW + distance), []).append(distance)
        code, found = max(steps.items(), key=lambda pair: len(pair[1]))
        if len(found) > 1 and abs(found[0]) != abs(found[1]):
            nearest = min(found, key=abs)
            assert totp.match(secret, code, NOON, NEVER) == Drift(NOW + nearest, nearest * 30)
            return
    pytest.fail("no such secret")


# --- what the app is given


def test_a_secret_has_the_160_bits_that_rfc_4226_recommends() -> None:
    assert totp.SECRET_BYTES * 8 == 160


def test_the_address_for_the_app_has_the_one_form_that_every_app_accepts() -> None:
    assert totp.otpauth_uri("Twofold", "ada@acme.example", RFC_KEY) == (
        "otpauth://totp/Twofold:ada@acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&issuer=Twofold&algorithm=SHA1&digits=6&period=30"
    )


def test_blanks_are_percent_encoded_and_never_a_plus() -> None:
    uri = totp.otpauth_uri("Acme & Sons", "o'neill+two@acme.example", RFC_KEY)
    assert uri.startswith("otpauth://totp/Acme%20%26%20Sons:o%27neill%2Btwo@acme.example?secret=")
    assert "&issuer=Acme%20%26%20Sons&" in uri
    assert "+" not in uri


@given(secrets)
def test_a_key_has_32_letters_and_digits_without_padding(secret: bytes) -> None:
    key = totp.base32(secret)
    assert len(key) == 32
    assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


@given(st.text('Aa é&:?#/%+<>"', min_size=1, max_size=20), st.emails(), secrets)
def test_whatever_issuer_and_address_are_a_scanner_reads_them_back(issuer: str, email: str, secret: bytes) -> None:
    scanned = authenticator.Authenticator.open(totp.otpauth_uri(issuer, email, secret))
    assert (scanned.issuer, scanned.label) == (issuer, f"{issuer}:{email}")
    assert scanned.secret == totp.base32(secret)
    assert scanned.code(NOON + STEP) == totp.code_of(secret, NOW + 1)
