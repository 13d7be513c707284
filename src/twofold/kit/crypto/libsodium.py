"""Argon2id by libsodium, through PyNaCl: on every machine, with the widest vector unit that it finds."""

import os

import nacl.exceptions
from nacl.pwhash import argon2id


class Libsodium:
    """It asks the system for fresh memory at every hash, which is up to half of its CPU, and gives it back."""

    name = about = "libsodium"

    def __init__(self) -> None:
        self.callers = max(2, os.cpu_count() or 1)

    def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
        return argon2id.str(secret, opslimit=passes, memlimit=memory_kib * 1024).decode("ascii")

    def verify(self, stored: str, secret: bytes) -> bool:
        try:
            return argon2id.verify(stored.encode("ascii"), secret)
        except nacl.exceptions.InvalidkeyError:
            return False
