"""Django's argon2 hasher with the parameters of Twofold: argon2id, 19 MiB, two passes, one lane."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class SameAsTwofold(Argon2PasswordHasher):
    memory_cost = 19456
    time_cost = 2
    parallelism = 1
