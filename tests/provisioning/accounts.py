"""Accounts as the operator's programs make and change them."""

from typing import Any

from tests.harness.clock import NOON
from tests.harness.people import CLIENT_INFO
from twofold.directory import accounts_flow
from twofold.directory.accounts_flow import AccountChange
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.provisioning import account_flow

URL = "https://login.globex.example/"
GLOBEX: dict[str, Any] = {"sso": True, "sso_domains": ["globex.example"], "sso_url": URL}


def create(context: AppContext, name: str = "Globex", **said: Any) -> Any:
    return accounts_flow.create_account(
        context.db, AccountChange(name, **said), origin=Origin(NOON, actor=acting.CONSOLE)
    )


def change(context: AppContext, account: Any, **said: Any) -> Any:
    return account_flow.change_account(
        context.db, account, AccountChange(**said), origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE),
    )  # fmt: skip
