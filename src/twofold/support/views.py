"""What the support pages show of an account and of people."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from twofold.admin import words
from twofold.admin.user_summary import UserSummary
from twofold.admin.views import user_view
from twofold.directory.account import Account
from twofold.directory.user import User
from twofold.support.flow import AccountDetails


def summary_view(listed: UserSummary, agent: User) -> dict[str, Any]:
    """Return what a list shows of somebody, and of which account they are."""
    return {**user_view(listed, agent), "account_name": listed.user.account_name}


def account_row(account: Account) -> dict[str, Any]:
    """Return what a list shows of an account."""
    shown = {"id": account.id, "name": account.name, "edition": account.edition, "sso": account.sso}
    return {**shown, "policy": words.policy(account.policy)}


def account_view(details: AccountDetails) -> dict[str, Any]:
    """Return what an account's page shows of it."""
    account = details.account
    return {
        **account_row(account),
        "is_operator": account.is_operator,
        "domains": details.domains,
        "sso_url": account.sso_url,
        "required_from": account.required_from if account.policy == "required" else None,
        "seats": account.seats,
        "created_at": account.created_at,
        "counts": details.counts,
    }


def address(path: str, said: Sequence[tuple[str, str]]) -> str:
    """Return a path with a query string of what is said, but for what is empty."""
    query = urlencode([(name, value) for name, value in said if value])
    return f"{path}?{query}" if query else path
