import ctypes
import http.server
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.cli.program import Program
from tests.conftest import Serve
from tests.harness.people import People
from tests.harness.ports import free_port
from tests.harness.smtp import SmtpServer
from twofold.commands import checks
from twofold.commands import doctor as doctor_command
from twofold.commands.checked import Health
from twofold.factors.totp.tables import authenticators
from twofold.kit import clock, nodes
from twofold.kit.context import AppContext
from twofold.kit.crypto import argon2id
from twofold.kit.crypto.libsodium import Libsodium


def doctor(twofold: Program) -> dict[str, list[dict[str, Any]]]:
    """Ask the doctor; return what it says by check."""
    ran = twofold("doctor", "--json")
    found: dict[str, list[dict[str, Any]]] = {}
    for one in ran.json["checks"]:
        found.setdefault(one["check"], []).append(one)
    findings = [one for one in ran.json["checks"] if one["health"] == "finding"]
    assert ran.json["ok"] is not bool(findings)
    assert ran.code == (1 if findings else 0)
    assert all(one["remedy"] for one in ran.json["checks"] if one["health"] != "ok")
    return found


def finding(twofold: Program, check: str) -> str:
    """Return the one thing that must be seen to in a check."""
    (one,) = [one for one in doctor(twofold)[check] if one["health"] == "finding"]
    return f"{one['says']} {one['remedy']}"


@pytest.fixture
def well(twofold_mailing: Program) -> Program:
    """Run commands where all is well."""
    return twofold_mailing.with_settings(support_email="help@example.com")


def test_who_is_well_is_told_so_and_what_is_worth_knowing(well: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = well("doctor")
    assert ran.code == 0, ran.out
    notes = ran.out.count("\nnote ") + ran.out.startswith("note ")
    assert notes >= 2  # the address is of this machine alone, and nothing answers there
    assert f"Nothing to see to, {notes} to know." in ran.out
    assert {one["health"] for one in doctor(well)["database"]} == {"ok"}
    checks_of = checks.all_checks
    monkeypatch.setattr(
        doctor_command, "all_checks", lambda *given: [one for one in checks_of(*given) if one.health is Health.OK]
    )
    assert well("doctor").out.endswith("\nAll is well.\n")


def test_people_read_what_to_do(twofold: Program) -> None:
    ran = twofold("doctor")
    assert ran.code == 1
    assert "-> Set TWOFOLD_SMTP_URL" in ran.out
    assert "1 to see to." in ran.out


DEAR = {"argon2_memory_kib": "19456", "argon2_passes": "2"}  # as it is by default


@pytest.mark.parametrize("way", [Libsodium(), argon2id.quickest(7168, 1)], ids=lambda one: one.name)
def test_what_a_password_costs_and_what_would_be_less(
    well: Program, monkeypatch: pytest.MonkeyPatch, way: argon2id.Argon2id
) -> None:
    monkeypatch.setattr(argon2id, "quickest", lambda *_: way)
    (said,) = doctor(well.with_settings(**DEAR))["passwords"]
    assert f"ms of CPU to check, by {way.about}." in said["says"]
    assert said["health"] == ("note" if way.name == "libsodium" else "ok")
    assert ("twofold[fast]" in str(said["remedy"])) == (way.name == "libsodium")
    assert ("because argon2-interleaved is slower here" in said["says"]) == (way.name == "libsodium")
    assert re.search(r"by (libsodium|argon2-interleaved \d+\.\d+\.\d+ \(avx\w+\), two interleaved)\.", said["says"])


def test_a_password_that_is_quickly_guessed_is_noted(well: Program) -> None:
    """The settings refuse it where others than this machine can come."""
    (said,) = doctor(well)["passwords"]
    assert said["health"] == "note"
    assert "7168 KiB with 1 is less than OWASP's least" in said["says"]
    assert "TWOFOLD_ARGON2_MEMORY_KIB" in well.with_settings(base_url="https://x.example").called_wrongly("doctor")


def test_a_setting_that_is_none_is_named(well: Program) -> None:
    said = finding(well.with_settings(smtp_ulr="smtp://mail.example"), "settings")
    assert "TWOFOLD_SMTP_ULR is no setting" in said
    assert "TWOFOLD_SMTP_URL?" in said
    assert "TWOFOLD_XYZZY is no setting" in finding(well.with_settings(xyzzy="1"), "settings")


def test_settings_that_are_wrong_are_named_before_anything_else(well: Program) -> None:
    assert "TWOFOLD_BASE_URL" in well.with_settings(base_url="ftp://x").called_wrongly("doctor")


def test_a_database_that_does_not_answer_is_a_finding(well: Program) -> None:
    url = f"postgresql://twofold:hunter2@127.0.0.1:{free_port()}/twofold"
    said = finding(well.with_settings(database_url=url), "database")
    assert "cannot be reached" in said
    assert "hunter2" not in said


def test_a_missing_schema_is_a_finding(blank_database_url: str, tmp_path: Path) -> None:
    twofold = Program({"TWOFOLD_DATABASE_URL": blank_database_url, "TWOFOLD_DATA_DIR": str(tmp_path)})
    assert "twofold migrate" in finding(twofold, "schema")


def test_a_newer_schema_is_a_finding(well: Program, context: AppContext) -> None:
    with context.db.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer than this version" in finding(well, "schema")


def test_a_wrong_key_is_a_finding(well: Program, context: AppContext) -> None:
    other = "test:" + "A" * 43 + "="
    assert "holds another key" in finding(well.with_settings(keys=other), "keys")


def test_a_key_that_secrets_need_is_missed_wherever_it_was_forgotten(
    people: People, well: Program, context: AppContext
) -> None:
    people.protected()
    with context.db.write() as connection:
        connection.execute(authenticators.update().values(key_id="lost"))
    assert "keys that the ring lacks: lost" in finding(well, "keys")


def test_an_older_key_that_is_still_needed_is_noted(people: People, well: Program) -> None:
    people.protected()
    new = "new:" + "A" * 43 + "="
    (note,) = [
        one
        for one in doctor(well.with_settings(keys=f"{new},{well.settings['TWOFOLD_KEYS']}"))["keys"]
        if one["health"] == "note"
    ]
    assert "twofold keys rotate" in note["remedy"]


def test_a_key_file_that_is_gone_or_open_to_others_is_a_finding(sqlite_url: str, tmp_path: Path) -> None:
    twofold = Program({"TWOFOLD_DATABASE_URL": sqlite_url, "TWOFOLD_DATA_DIR": str(tmp_path)})
    del twofold.settings["TWOFOLD_KEYS"]
    assert "is missing" in finding(twofold, "keys")
    assert not (tmp_path / "keys").exists()
    twofold.done("accounts", "list")
    (tmp_path / "keys").chmod(0o644)
    assert "chmod 600" in finding(twofold, "keys")


def test_a_setting_by_its_old_name_is_worth_a_note(well: Program) -> None:
    said = doctor(well.with_settings(issuer="Acme"))["settings"]
    assert [one["remedy"] for one in said if one["health"] == "note"] == ["Call it TWOFOLD_PRODUCT_NAME."]
    assert [one for one in said if one["health"] == "finding"] == []


@pytest.mark.parametrize("setting", ["keys", "database_url", "smtp_url", "smtp_password"])
def test_a_file_with_a_secret_that_everybody_can_read_is_a_finding(well: Program, tmp_path: Path, setting: str) -> None:
    open_to_all(tmp_path)
    secret = tmp_path / "secret"
    well = well.with_settings(smtp_user="mailer", smtp_password="tangerine-9")
    secret.write_text(well.settings[f"TWOFOLD_{setting.upper()}"])
    from_file = well.with_settings(**{f"{setting}_file": str(secret)})
    del from_file.settings[f"TWOFOLD_{setting.upper()}"]
    secret.chmod(0o644)
    said = finding(from_file, "settings")
    assert f"can read {secret}, which TWOFOLD_{setting.upper()}_FILE names" in said
    assert f"chmod o= {secret}" in said
    secret.chmod(0o640)  # root's, and the group is the service's
    assert {one["health"] for one in doctor(from_file)["settings"]} == {"ok"}
    secret.chmod(0o644)
    tmp_path.chmod(0o700)  # nobody else gets as far as the file
    assert {one["health"] for one in doctor(from_file)["settings"]} == {"ok"}


def open_to_all(folder: Path) -> None:
    """Let everybody into a folder: pytest keeps others out of its own."""
    for one in (folder, *folder.parents):
        if not one.stat().st_mode & 0o001:
            one.chmod(one.stat().st_mode | 0o001)


def test_a_mail_server_that_is_away_is_a_finding(well: Program, smtp: SmtpServer) -> None:
    smtp.stop()
    assert "does not let us in" in finding(well, "mail")


def test_a_mail_server_that_knows_us_not_is_a_finding(twofold: Program) -> None:
    with SmtpServer(user="twofold", password="right") as smtp:
        wrong = smtp.url.replace("right", "hunter2")
        said = finding(twofold.with_settings(smtp_url=wrong), "mail")
        assert "535" in said
        assert "Correct the user and the password" in said
        assert "hunter2" not in said
        assert doctor(twofold.with_settings(smtp_url=smtp.url))["mail"][0]["health"] == "ok"
        apart = twofold.with_settings(smtp_url=f"smtp://127.0.0.1:{smtp.port}", smtp_user=smtp.user)
        assert doctor(apart.with_settings(smtp_password=smtp.password))["mail"][0]["health"] == "ok"
        assert "hunter2" not in finding(apart.with_settings(smtp_password="hunter2"), "mail")
        assert smtp.letters == []


def test_a_certificate_that_nobody_vouches_for_is_named_and_what_vouches(twofold: Program, tmp_path: Path) -> None:
    """Stops: a search for what is wrong with the address, where the authority of the company is not known here."""
    with SmtpServer(starttls=True) as smtp:
        (tmp_path / "ca.pem").write_bytes(smtp.certificate)
        private = twofold.with_settings(smtp_url=smtp.url)
        assert "Name the certificate of the authority that signed its own in TWOFOLD_SMTP_CA" in finding(
            private, "mail"
        )
        known = private.with_settings(smtp_ca=str(tmp_path / "ca.pem"))
        assert doctor(known)["mail"][0]["health"] == "ok"
        other_name = known.with_settings(smtp_url=smtp.url.replace("127.0.0.1", "localhost"))
        assert "Name the mail server in TWOFOLD_SMTP_URL as its certificate does" in finding(other_name, "mail")


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
def test_a_mail_server_without_encryption_is_said_to_be_one(twofold: Program, smtp: SmtpServer, scheme: str) -> None:
    said = finding(twofold.with_settings(smtp_url=smtp.url.replace("smtp:", f"{scheme}:")), "mail")
    assert ("Write smtps:// if it speaks TLS from the start" in said) == (scheme == "smtp+starttls")


def test_letters_that_wait_for_long_are_a_finding(people: People, well: Program, context: AppContext) -> None:
    ada = people.user()
    for minutes in (5, 11):
        old = datetime.now(UTC) - timedelta(minutes=minutes)
        with context.db.write() as connection:
            context.outbox.post(
                connection, "locked", user_id=ada.id, account_id=ada.account_id, recipient=ada.email, at=old,
            )  # fmt: skip
        if minutes < 10:
            assert {one["health"] for one in doctor(well)["mail"]} == {"ok"}
    assert "2 letters wait" in finding(well, "mail")


def test_an_https_address_wants_a_proxy_and_a_sender(well: Program) -> None:
    public = well.with_settings(base_url=f"https://localhost:{free_port()}", **DEAR)
    assert "TWOFOLD_TRUSTED_PROXIES" in finding(public, "proxies")
    assert "TWOFOLD_MAIL_FROM" in finding(public, "mail")
    behind = public.with_settings(trusted_proxies="10.0.0.5", mail_from="login@example.com")
    assert {one["health"] for one in doctor(behind)["proxies"]} == {"ok"}
    assert all(one["health"] != "finding" for one in doctor(behind)["mail"])


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "10.0.0.5,0.0.0.0/0"])
def test_proxies_that_could_be_anybody_are_a_finding(well: Program, network: str) -> None:
    said = finding(well.with_settings(trusted_proxies=network), "proxies")
    assert "Everybody is trusted as a proxy" in said
    assert "anybody can forge their address" in said


@pytest.mark.parametrize("network", ["10.0.0.5,0.0.0.0/4", "10.0.0.0/8", "172.16.0.0/15", "2001:db8::/47", "fd00::/8"])
def test_a_network_wider_than_proxies_need_is_a_finding(well: Program, network: str) -> None:
    said = finding(well.with_settings(trusted_proxies=network), "proxies")
    assert network.rpartition(",")[2] in said
    assert "whoever is in one of them can forge their address" in said


@pytest.mark.parametrize("network", ["10.0.0.5", "10.1.0.0/16", "2001:db8:1::/48"])
def test_a_network_of_proxies_is_none(well: Program, network: str) -> None:
    assert {one["health"] for one in doctor(well.with_settings(trusted_proxies=network))["proxies"]} == {"ok"}


@pytest.fixture
def stranger() -> Iterator[str]:
    """Run another program's web server."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_address_that_leads_to_another_program_is_a_finding(well: Program, stranger: str) -> None:
    assert "not Twofold" in finding(well.with_settings(base_url=stranger), "base URL")


def test_an_address_that_leads_nowhere_is_a_finding_once_something_serves(well: Program, context: AppContext) -> None:
    """Stops: "All is well" while nobody from outside gets to the server."""
    away = well.with_settings(base_url=f"http://localhost:{free_port()}")
    assert {one["health"] for one in doctor(away)["base URL"]} == {"note"}
    nodes.show(context.db, "one", "0001", clock.now())
    said = finding(away, "base URL")
    assert f"A server runs, but {away.settings['TWOFOLD_BASE_URL']} does not lead to it from here" in said
    assert "See to the proxy" in said


def test_beside_a_running_server_all_is_well(serve: Serve, smtp: SmtpServer) -> None:
    server = serve(smtp=smtp)
    ran = server.twofold("doctor")
    assert (ran.returncode, ran.stderr) == (0, ""), ran
    assert "does not answer" not in ran.stdout


def test_a_clock_that_differs_from_the_databases_is_a_finding(
    postgresql_url: str, tmp_path: Path, smtp: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = datetime.now(UTC) + timedelta(hours=1)  # held, while that of the database goes on
    monkeypatch.setattr(clock, "now", lambda: off)
    twofold = Program(
        {"TWOFOLD_DATABASE_URL": postgresql_url, "TWOFOLD_DATA_DIR": str(tmp_path), "TWOFOLD_SMTP_URL": smtp.url}
    )
    assert "time server" in finding(twofold, "clock")


@pytest.mark.parametrize(
    ("kernel", "health", "says"),
    [(True, "ok", "is synchronised"), (False, "note", "no time server"), (None, "ok", "does not tell us")],
)
def test_what_the_kernel_says_of_the_clock_is_said_and_no_more(
    well: Program, monkeypatch: pytest.MonkeyPatch, *, kernel: bool | None, health: str, says: str
) -> None:
    monkeypatch.setattr(checks, "_kernel_says_synchronised", lambda: kernel)
    (one,) = doctor(well)["clock"]
    assert one["health"] == health
    assert says in one["says"]


def test_a_clock_that_may_not_be_asked_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidden:
        def adjtimex(self, _: object) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", lambda _: Forbidden())
    assert checks._kernel_says_synchronised() is None


def test_nobody_to_turn_to_is_noted(twofold: Program) -> None:
    assert doctor(twofold)["support"][0]["health"] == "note"


def test_people_whom_the_single_sign_on_of_another_account_takes_are_shown(well: Program, people: People) -> None:
    globex: dict[str, Any] = {
        "sso": True,
        "sso_domains": ["globex.example"],
        "sso_url": "https://login.globex.example/",
    }
    people.account("Globex", **globex)
    assert doctor(well)["domains"][0]["health"] == "ok"
    for number, name in enumerate(("ada", "bob", "old")):
        user = people.user(f"{name}@acme.example", active=number < 2)
        people.set_user(user, email=f"{name}@globex.example", email_key=f"{name}@globex.example")
    said = finding(well, "domains")
    assert "Globex has single sign-on for globex.example" in said
    assert "people of Acme with addresses of it cannot sign in: 2." in said
    assert "twofold users set" in said
