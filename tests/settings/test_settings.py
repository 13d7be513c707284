import base64
import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.brand.pictures import SVG
from twofold.setting_values import Key, Listen, SettingsError
from twofold.settings import Settings, load

SECRET = base64.b64encode(bytes(32)).decode()


def read(**chosen: str) -> Settings:
    return load({f"TWOFOLD_{name}": value for name, value in chosen.items()})


def test_nothing_set_is_a_good_start_on_one_machine() -> None:
    settings = read()
    assert settings.database_url == "sqlite:///var/twofold.db"
    assert settings.base_url == "http://localhost:8000"
    assert settings.product_name == "Twofold"
    assert settings.keys == ()
    assert settings.smtp_url is None
    assert settings.two_factor_editions == {"enterprise"}
    assert settings.trusted_proxies == ()
    assert (settings.session_idle, settings.session_life) == (timedelta(hours=1), timedelta(hours=24))
    assert (settings.argon2_memory_kib, settings.argon2_passes) == (19456, 2)
    assert (settings.on_sqlite, settings.secure, settings.demo) == (True, False, False)


def test_every_setting_is_read() -> None:
    settings = read(
        DATA_DIR="/srv/twofold",
        DATABASE_URL="postgresql://twofold@db.example/twofold",
        BASE_URL="https://login.example.com/",
        PRODUCT_NAME="Acme",
        KEYS=f"new:{SECRET},old:{base64.b64encode(b'k' * 32).decode()}",
        SMTP_URL="smtp+starttls://user:password@mail.example.com:587",
        MAIL_FROM="login@example.com",
        SUPPORT_EMAIL="help@example.com",
        TWO_FACTOR_EDITIONS='["enterprise", "plus"]',
        TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.1, 2001:db8::/32",
        SESSION_IDLE_MINUTES="15",
        SESSION_HOURS="8",
        ARGON2_MEMORY_KIB="65536",
        ARGON2_PASSES="3",
        LIMIT_PASSWORDS="50",
        UNLIMITED_NETWORKS="10.1.2.0/24",
        LOGOUT_NETWORKS="10.1.3.0/24",
        POOL_SIZE="20",
        METRICS_LISTEN="[::1]:9000",
    )
    assert settings.data_dir == Path("/srv/twofold")
    assert settings.database_url == "postgresql+psycopg://twofold@db.example/twofold"
    assert settings.base_url == "https://login.example.com"
    assert settings.product_name == "Acme"
    assert settings.keys == (Key("new", bytes(32)), Key("old", b"k" * 32))
    assert settings.smtp_url == "smtp+starttls://user:password@mail.example.com:587"
    assert (settings.mail_from, settings.support_email) == ("login@example.com", "help@example.com")
    assert settings.two_factor_editions == {"enterprise", "plus"}
    assert settings.trusted_proxies == tuple(map(ip_network, ("10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32")))
    assert (settings.limit_passwords, settings.unlimited_networks) == (50, (ip_network("10.1.2.0/24"),))
    assert settings.logout_networks == (ip_network("10.1.3.0/24"),)
    assert (settings.session_idle, settings.session_life) == (timedelta(minutes=15), timedelta(hours=8))
    assert settings.metrics_listen == Listen("::1", 9000)
    assert str(settings.metrics_listen) == "[::1]:9000"
    assert (settings.argon2_memory_kib, settings.argon2_passes, settings.pool_size) == (65536, 3, 20)
    assert (settings.on_sqlite, settings.secure) == (False, True)


WRONG = {
    "DATABASE_URL": [
        "mysql://db.example/twofold",
        "twofold.db",
        "://",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:twofold?mode=memory&uri=true",
        "sqlite:twofold.db",
        "sqlite://var/twofold.db",
        "postgresql:db.example/twofold",
        "postgresql://db.example:port/twofold",
        "postgresql://db.example:0/twofold",
        "postgresql://db.example:65536/twofold",
        "postgresql://one.example:5432,two.example:port/twofold",
        "postgresql://db.example/twofold?sslmod=require",
        "postgresql://[::1/twofold",
        "postgresql://twofold:100%sure@db.example/twofold",
        "postgresql://twofold:one@two@db.example/twofold",
        "postgresql://twofold:12/34@db.example/twofold",
        "postgresql://twofold:12?34@db.example/twofold",
    ],
    "BASE_URL": [
        "login.example.com",
        "ftp://login.example.com",
        "https://",
        "https://login.example.com/twofold",
        "https://login.example.com?x=1",
        "https://login.example.com#x",
        "https://user@login.example.com",
        "https://login.example.com:port",
        "https://[::1",
        "http://login.example.com",
        "http://10.0.0.1",
    ],
    "PRODUCT_NAME": ["Acme: Login", "A" * 41, "Ac\nme"],
    "LOGO": ["/nonexistent/logo.svg", "/dev/null"],
    "LOGO_DARK": ["/nonexistent/logo.svg"],
    "ACCENT": ["blue", "#fff", "#ffffff", "#0b5a6cff", "0b5a6c", "#gggggg"],
    "HOME_URL": ["http://app.example.com", "app.example.com", "http://localhost:8000/", "https://a.example/\nx"],
    "LINKS": ["Privacy", '["https://a.example"]', '{"Privacy": "http://a.example"}', '{"Privacy": 1}'],
    "KEYS": [
        "no-colon",
        "id:not base64",
        f"id:{base64.b64encode(bytes(31)).decode()}",
        f"id:{base64.b64encode(bytes(33)).decode()}",
        f":{SECRET}",
        f"schlüssel:{SECRET}",
        f"a b:{SECRET}",
        f"same:{SECRET},same:{SECRET}",
    ],
    "SMTP_URL": [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:port",
        "smtp://user:pass/word@mail.example.com",
        "smtp://user:12/34@mail.example.com",
        "smtp://user:12?34@mail.example.com",
        "smtp://user:12#34@mail.example.com",
    ],
    "MAIL_FROM": [
        "twofold",
        "Twofold <login@example.com>",
        "a@example.com, b@example.com",
        "a@example.com\nBcc: b@c.d",
    ],
    "SUPPORT_EMAIL": ["nobody", "two words@example.com"],
    "TWO_FACTOR_EDITIONS": ["[enterprise]", '["enterprise"', "[1]"],
    "TRUSTED_PROXIES": ["proxy.example.com", "10.0.0.1/8", "10.0.0.0/33", "*"],
    "SESSION_IDLE_MINUTES": ["0", "1441", "-5", "an hour", "1.5", "１５"],  # noqa: RUF001 - full-width digits
    "SESSION_HOURS": ["0", "721", "a day"],
    "ARGON2_MEMORY_KIB": ["7167", "4194305", "19 MiB"],
    "ARGON2_PASSES": ["0", "21"],
    "LIMIT_PASSWORDS": ["0", "10001", "many"],
    "UNLIMITED_NETWORKS": ["office.example.com", "10.0.0.1/8", "*"],
    "LOGOUT_NETWORKS": ["crm.example.com", "10.0.0.1/8", "*"],
    "POOL_SIZE": ["0", "201"],
    "LEAVE_NOTICE_SECONDS": ["-1", "301", "soon"],
    "METRICS_LISTEN": [
        "on",
        "9464",
        ":9464",
        "host:",
        "host:0",
        "host:65536",
        "::1:9464",
        "http://host:1",
        "u@h:1",
        "h:1/x",
    ],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=rf"\bTWOFOLD_{name}\b"):
        read(**{name: value})


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "http://localhost:9", "http://[::1]:8000", "http://127.9.9.9"]
)
def test_plain_http_is_for_this_machine_alone(url: str) -> None:
    assert read(BASE_URL=url).base_url == url


def test_a_wrong_key_is_named_by_its_id_and_never_shown() -> None:
    short = base64.b64encode(b"secret").decode()
    with pytest.raises(SettingsError, match="the key mine is not") as refused:
        read(KEYS=f"mine:{short}")
    assert short not in str(refused.value)


def test_settings_in_print_show_no_key() -> None:
    assert SECRET not in repr(read(KEYS=f"mine:{SECRET}"))
    assert repr(bytes(32)) not in repr(read(KEYS=f"mine:{SECRET}"))


@pytest.mark.parametrize(
    ("url", "hosts", "ports"),
    [
        ("postgresql://u:p%40ss@one:5433,two:5434/db?sslmode=require", "one,two", "5433,5434"),
        ("postgresql://u:p%40ss@one,two:5434/db?sslmode=require", "one,two", ",5434"),
        ("postgresql://u:p%40ss@[2001:db8::1]:5433,two:5434/db?sslmode=require", "2001:db8::1,two", "5433,5434"),
        ("postgres://u:p%40ss@one:5433/db?sslmode=require", "one", 5433),
    ],
)
def test_hosts_and_what_else_an_address_says_reach_the_driver(url: str, hosts: str, ports: object) -> None:
    address = sa.make_url(read(DATABASE_URL=url, KEYS=f"mine:{SECRET}").database_url)
    _, told = address.get_dialect()().create_connect_args(address)
    assert told == {"host": hosts, "port": ports, "user": "u", "password": "p@ss", "dbname": "db", "sslmode": "require"}


def test_a_wrong_address_does_not_show_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        read(DATABASE_URL="postgresql://twofold:hunter2%@db.example/twofold")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("password", ["pass/word", "12/34", "a#b", "a?b"])
def test_a_password_that_must_be_escaped_for_the_mail_server_is_said_to_be(password: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read(SMTP_URL=f"smtp://user:{password}@mail.example.com")
    assert "percent-encoded: %40 for @, %3A for :, %2F for /" in str(refused.value)
    assert "TWOFOLD_SMTP_PASSWORD" in str(refused.value)
    assert password not in str(refused.value)


def test_user_and_password_of_the_mail_server_may_be_set_apart_as_they_are() -> None:
    login = ("ada@acme.example", "a:b/c@d%41")
    apart = {"SMTP_USER": login[0], "SMTP_PASSWORD": login[1]}
    assert read(SMTP_URL="smtp://mail.example.com", **apart).smtp_login == login
    assert read(SMTP_URL="smtp://ada%40acme.example@mail.example.com", SMTP_PASSWORD=login[1]).smtp_login == login
    assert read(SMTP_URL="smtp://ada%40acme.example:a:b%2Fc@d%2541@mail.example.com").smtp_login == login
    assert read(SMTP_URL="smtp://mail.example.com").smtp_login is None
    assert login[1] not in repr(read(SMTP_URL="smtp://mail.example.com", **apart))


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({"SMTP_URL": "smtp://u:p@mail.example", "SMTP_USER": "u"}, "TWOFOLD_SMTP_USER is set, and TWOFOLD_SMTP_URL"),
        ({"SMTP_URL": "smtp://u:p@mail.example", "SMTP_PASSWORD": "q"}, "TWOFOLD_SMTP_PASSWORD is set, and TWOFOLD_SM"),
        ({"SMTP_URL": "smtp://mail.example", "SMTP_PASSWORD": "q"}, "set TWOFOLD_SMTP_USER as well"),
    ],
)
def test_a_login_that_is_said_twice_or_by_half_is_refused(chosen: dict[str, str], names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        read(**chosen)


def test_postgresql_demands_keys_of_its_operators_own() -> None:
    with pytest.raises(SettingsError, match="TWOFOLD_KEYS is missing"):
        read(DATABASE_URL="postgresql://db.example/twofold")


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_value_is_as_good_as_none(value: str) -> None:
    assert read(PRODUCT_NAME=value, SMTP_URL=value, SESSION_HOURS=value) == read()


def test_editions_may_be_listed_with_commas() -> None:
    assert read(TWO_FACTOR_EDITIONS="enterprise, plus,").two_factor_editions == {"enterprise", "plus"}


# --- values from files


def test_a_setting_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "keys"
    secret.write_text(f"mine:{SECRET}\n")
    assert read(KEYS_FILE=str(secret)).keys == (Key("mine", bytes(32)),)


@pytest.mark.parametrize("name", sorted(WRONG))
def test_every_setting_takes_a_file_and_says_when_it_is_missing(name: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(SettingsError, match=rf"^TWOFOLD_{name}_FILE .*{re.escape(str(missing))}"):
        read(**{f"{name}_FILE": str(missing)})


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="TWOFOLD_PRODUCT_NAME_FILE"):
        read(PRODUCT_NAME_FILE=str(binary))


def test_a_value_and_a_file_for_it_contradict_each_other(tmp_path: Path) -> None:
    file = tmp_path / "name"
    file.write_text("Acme")
    with pytest.raises(SettingsError, match="TWOFOLD_PRODUCT_NAME and TWOFOLD_PRODUCT_NAME_FILE are both set"):
        read(PRODUCT_NAME="Acme", PRODUCT_NAME_FILE=str(file))


def test_a_logo_for_the_dark_needs_one_for_the_light(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text(SVG)
    assert read(LOGO=str(logo), LOGO_DARK=str(logo)).logo == read(LOGO=str(logo)).logo
    with pytest.raises(SettingsError, match="TWOFOLD_LOGO_DARK is set, and TWOFOLD_LOGO is not"):
        read(LOGO_DARK=str(logo))


@pytest.mark.parametrize("home", ["https://login.example.com/people", "https://LOGIN.example.com"])
def test_home_is_somewhere_else_than_here(home: str) -> None:
    """Stops: the front page leading to itself for ever."""
    with pytest.raises(SettingsError, match="TWOFOLD_HOME_URL leads back to TWOFOLD_BASE_URL"):
        read(HOME_URL=home, BASE_URL="https://login.example.com")


@pytest.mark.parametrize("value", ["Acme: Login", "A" * 41])
def test_a_setting_by_its_old_name_is_checked_like_by_its_new_one(value: str) -> None:
    assert read(ISSUER="Acme").product_name == "Acme"
    assert read(ISSUER="", PRODUCT_NAME="Acme").product_name == "Acme"
    with pytest.raises(SettingsError, match="TWOFOLD_PRODUCT_NAME"):
        read(ISSUER=value)


ENOUGH = [(47104, 1), (19456, 2), (12288, 3), (9216, 4), (7168, 5), (65536, 3), (20000, 2), (19456, 3), (7168, 20)]
TOO_LITTLE = [(7168, 1), (47103, 1), (19455, 2), (12287, 3), (9215, 4), (7168, 4), (19456, 1)]
HTTPS = {"BASE_URL": "https://login.example.com"}


def costing(memory: int, passes: int, **chosen: str) -> Settings:
    return read(ARGON2_MEMORY_KIB=str(memory), ARGON2_PASSES=str(passes), **chosen)


@pytest.mark.parametrize(("memory", "passes"), ENOUGH)
def test_a_password_hash_may_cost_what_owasp_asks_for_or_more(memory: int, passes: int) -> None:
    assert costing(memory, passes, **HTTPS).slow_to_guess


@pytest.mark.parametrize(("memory", "passes"), TOO_LITTLE)
def test_a_password_hash_that_costs_less_is_refused(memory: int, passes: int) -> None:
    """Stops: settings of somebody's tests that reach people, whose passwords then cost a guesser nothing."""
    with pytest.raises(SettingsError, match=r"TWOFOLD_ARGON2_MEMORY_KIB and TWOFOLD_ARGON2_PASSES are too low"):
        costing(memory, passes, **HTTPS)


def test_for_trying_out_on_this_machine_it_may_cost_less() -> None:
    for address in ("http://127.0.0.1:8000", "http://localhost", "http://[::1]:8000"):
        assert not costing(7168, 1, BASE_URL=address).slow_to_guess
    with pytest.raises(SettingsError, match="TWOFOLD_ARGON2"):
        costing(7168, 1, BASE_URL="https://localhost")
