"""What the support pages show of an account and of people."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from twofold.admin import words
from twofold.admin.user_summary import UserSummary
from twofold.admin.views import user_view
from twofold.directory.user import User
from twofold.kit.sql.database import AnyRow
from twofold.support.flow import AccountLooked


def summary_view(listed: UserSummary, agent: User) -> dict[str, Any]:
    """Return what a list shows of somebody, and of which account they are."""
    return {**user_view(listed, agent), "account_name": listed.user.account_name}


def account_row(row: AnyRow) -> dict[str, Any]:
    """Return what a list shows of an account."""
    return {"id": row.id, "name": row.name, "edition": row.edition, "sso": row.sso, "policy": words.policy(row.policy)}


def account_view(looked: AccountLooked) -> dict[str, Any]:
    """Return what an account's page shows of it."""
    row, counts = looked.account, looked.counts
    return {
        **account_row(row),
        "is_operator": row.is_operator,
        "domains": looked.domains,
        "sso_url": row.sso_url,
        "required_from": row.required_from if row.policy == "required" else None,
        "seats": row.seats,
        "created_at": row.created_at,
        "counts": counts,
    }


def address(path: str, said: Sequence[tuple[str, str]]) -> str:
    """Return a path with a query string of what is said, but for what is empty."""
    query = urlencode([(name, value) for name, value in said if value])
    return f"{path}?{query}" if query else path
