"""Twofold: a sign-in service with two-factor authentication for products sold to organisations."""

VERSION = "0.1.0"
