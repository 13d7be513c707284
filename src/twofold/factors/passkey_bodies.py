"""What the API's calls about passkeys take and give, as typed bodies."""

from typing import Annotated, Any
from uuid import UUID

import msgspec

from twofold.factors.bodies import FactorAnswer, Name, ProofsBody
from twofold.kit.schema_names import schema_name


@schema_name("NewRegistration")
class OpenBody(ProofsBody, forbid_unknown_fields=True):
    """Password, and code where a factor exists."""


@schema_name("Registration")
class RegistrationAnswer(msgspec.Struct, omit_defaults=True):
    """A registration that is open, and what a browser is asked to make (PublicKeyCredentialCreationOptionsJSON)."""

    registration: UUID
    options: dict[str, Any]
    new_backup_code: str | None = None


@schema_name("NewPasskey")
class RegisterBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the browser made (RegistrationResponseJSON), and how the passkey is to be called."""

    registration: Annotated[str, msgspec.Meta(max_length=100)]
    credential: dict[str, Any]
    name: Name | None = None


@schema_name("PasskeyAdded")
class RegisteredAnswer(msgspec.Struct):
    """The new passkey, the session's new token, and a new backup code (null: the old one stays)."""

    passkey: FactorAnswer
    session_token: str
    backup_code: str | None


@schema_name("OwnPasskeyOptions")
class OwnOptionsAnswer(msgspec.Struct):
    """What a browser is asked to sign (PublicKeyCredentialRequestOptionsJSON)."""

    options: dict[str, Any]


@schema_name("Passkeys")
class PasskeysAnswer(msgspec.Struct):
    """The user's passkeys; never a key."""

    passkeys: list[FactorAnswer]
