"""The letter with the code by which a mailbox is proved; the code is made when the letter is delivered."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from twofold.events.notices import Notice
from twofold.kit.context import AppContext
from twofold.kit.mail.letters import Composer
from twofold.kit.mail.outbox import Entry
from twofold.signin import set_up_flow


def sign_in_code(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Bring the six digits; None when the sign-in that needs them is over."""
    minted = set_up_flow.mint_mailed_code(context, connection, entry, at)
    if minted is None:
        return None
    return {
        "code": minted.code,
        "valid_until": minted.valid_until,
        "forgot_url": f"{context.settings.base_url}/forgot-password",
    }


COMPOSERS: dict[str, Composer] = {Notice.SIGN_IN_CODE: sign_in_code}
