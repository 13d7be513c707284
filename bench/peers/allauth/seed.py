"""Make the tables and fill them with the people on standard input, one a line in JSON, as set-up leaves them."""

import json
import sys

import django
from django.contrib.auth.hashers import identify_hasher, make_password
from django.core.management import call_command
from django.db import connection, transaction

django.setup()

from allauth.account.models import EmailAddress  # noqa: E402 - Django has to be set up before its models are imported
from allauth.mfa.models import Authenticator  # noqa: E402 - the same: after django.setup()
from django.contrib.auth.models import User  # noqa: E402 - the same: after django.setup()


def fill(people: list[dict], hashed: str) -> None:
    if identify_hasher(hashed).must_update(hashed):
        raise SystemExit("Django would hash this password anew at each sign-in, which is not what is measured")
    users = User.objects.bulk_create(
        User(username=person["id"], email=person["email"], password=hashed) for person in people
    )
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )
    factors = list(zip(users, people, strict=True))
    Authenticator.objects.bulk_create(
        Authenticator(user=user, type="totp", data={"secret": person["secret"]}) for user, person in factors
    )
    Authenticator.objects.bulk_create(
        Authenticator(user=user, type="recovery_codes", data={"seed": person["id"], "used_mask": 0})
        for user, person in factors
    )


call_command("migrate", verbosity=0)
with transaction.atomic():
    fill([json.loads(line) for line in sys.stdin], make_password(sys.argv[1]))
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
