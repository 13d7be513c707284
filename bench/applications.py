"""What applications ask for: tokens for codes and refresh tokens, and what access tokens are worth."""

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import crowd, seed
from bench.client import Connection, form, get
from bench.operations import expect
from bench.seed import Row
from twofold.kit.crypto.tokens import digest
from twofold.kit.sql.database import Database
from twofold.oidc import claims
from twofold.oidc.application_tables import application_secrets, applications
from twofold.oidc.grant_tables import access_tokens, authorization_codes, grants, refresh_tokens

CLIENT, SECRET = crowd.row_id("application", 0), crowd.token("app", 0)
REDIRECT, SCOPE, VERIFIER = "https://crm.example/callback", "openid email offline_access", "v" * 43
BASIC = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
CODE_LIFE = timedelta(minutes=10)  # longer than in life: those of a measurement are stored before it


async def token_exchange(connection: Connection, n: int) -> None:
    """Exchange a code for an access token, a refresh token and an ID token."""
    fields = {
        "grant_type": "authorization_code", "code": crowd.token("code", n), "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
    }  # fmt: skip
    expect(await connection.send(form("/oidc/token", fields, authorization=BASIC)), 200, "id_token")


async def token_refresh(connection: Connection, n: int) -> None:
    """Exchange a refresh token for the next one, with an access token and an ID token."""
    fields = {"grant_type": "refresh_token", "refresh_token": crowd.token("refresh", n)}
    expect(await connection.send(form("/oidc/token", fields, authorization=BASIC)), 200, "id_token")


async def userinfo(connection: Connection, n: int) -> None:
    """Ask whose an access token is."""
    expect(
        await connection.send(get("/oidc/userinfo", authorization=f"Bearer {crowd.token('access', n)}")), 200, "email"
    )


async def introspection(connection: Connection, n: int) -> None:
    """Ask what an access token is worth."""
    fields = {"token": crowd.token("access", n)}
    expect(await connection.send(form("/oidc/introspect", fields, authorization=BASIC)), 200, '"active":true')


def register(db: Database) -> None:
    """Store the application, which signs with ES256."""
    made = crowd.long_ago()
    seed.insert(db, applications, [{
        "id": CLIENT, "name": "CRM", "public": False, "redirect_uris": f'["{REDIRECT}"]',
        "post_logout_redirect_uris": "[]", "backchannel_logout_uri": None, "home_url": None, "algorithm": "ES256",
        "acr": None, "second_factor_age": None, "pkce": True, "accounts": "[]", "first_party": True, "created_at": made,
    }])  # fmt: skip
    seed.insert(db, application_secrets, [{
        "id": crowd.row_id("application secret", 0), "application_id": CLIENT, "secret_hash": digest(SECRET),
        "created_at": made,
    }])  # fmt: skip


def prepare(db: Database, operation: str, people: Sequence[int]) -> None:
    """Give each of these people a session, and the application what it comes with."""
    at = datetime.now(UTC)
    seed.start_sessions(db, people)
    if operation == "token_exchange":
        seed.insert(db, authorization_codes, _rows(_code, people, at))
    else:
        for table, row in ((grants, _grant), (access_tokens, _access), (refresh_tokens, _refresh)):
            seed.insert(db, table, _rows(row, people, at))
    seed.learn(db)  # PostgreSQL plans by what it knows of a table: of one that was empty a moment ago, nothing


def _rows(row: Any, people: Sequence[int], at: datetime) -> Iterable[Row]:
    return (row(n, at) | {"user_id": crowd.user_id(n), "account_id": seed.home(n)} for n in people)


def _code(n: int, at: datetime) -> Row:
    return {
        "code_hash": digest(crowd.token("code", n)), "application_id": CLIENT,
        "session_id": crowd.recent_id("session", n), "redirect_uri": REDIRECT,
        "challenge": claims.challenge_of(VERIFIER), "nonce": "n-1", "scope": SCOPE, "expires_at": at + CODE_LIFE,
    }  # fmt: skip


def _grant(n: int, at: datetime) -> Row:
    return {
        "id": crowd.recent_id("grant", n), "application_id": CLIENT, "session_id": crowd.recent_id("session", n),
        "scope": SCOPE, "created_at": at, "expires_at": at + timedelta(hours=24),
    }  # fmt: skip


def _access(n: int, at: datetime) -> Row:
    return {
        "token_hash": digest(crowd.token("access", n)), "grant_id": crowd.recent_id("grant", n), "scope": SCOPE,
        "expires_at": at + timedelta(minutes=15),
    }  # fmt: skip


def _refresh(n: int, at: datetime) -> Row:
    return {
        "token_hash": digest(crowd.token("refresh", n)), "grant_id": crowd.recent_id("grant", n),
        "expires_at": at + timedelta(hours=24),
    }  # fmt: skip


OPERATIONS = {
    "token_exchange": token_exchange,
    "token_refresh": token_refresh,
    "userinfo": userinfo,
    "introspection": introspection,
}
