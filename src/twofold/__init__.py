"""Twofold: a sign-in service with two-factor authentication for products sold to organisations."""
