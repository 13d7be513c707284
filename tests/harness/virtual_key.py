"""Chromium's virtual authenticator, over the debugging protocol: a phone, a computer or a security key of nobody's."""

from typing import Any

from playwright.sync_api import Page


class VirtualKey:
    """An authenticator that the browser of a page has at hand.

    `present`: somebody touches it as soon as it asks. `verifies`: it can check a fingerprint or a PIN.
    """

    def __init__(
        self,
        page: Page,
        *,
        transport: str = "internal",
        verifies: bool = True,
        resident: bool = True,
        present: bool = True,
    ) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2", "transport": transport, "hasResidentKey": resident, "hasUserVerification": verifies,
            "isUserVerified": verifies, "automaticPresenceSimulation": present,
        }  # fmt: skip
        added = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self._named = {"authenticatorId": added["authenticatorId"]}

    @property
    def passkeys(self) -> list[dict[str, Any]]:
        """What it keeps."""
        return list(self._session.send("WebAuthn.getCredentials", self._named)["credentials"])

    def touch(self, *, present: bool) -> None:
        """Let somebody be there from now on, or nobody."""
        self._session.send("WebAuthn.setAutomaticPresenceSimulation", {**self._named, "enabled": present})

    def verify(self, *, verified: bool) -> None:
        """Let the fingerprint be right from now on, or wrong."""
        self._session.send("WebAuthn.setUserVerified", {**self._named, "isUserVerified": verified})

    def unplug(self) -> None:
        """Take it away."""
        self._session.send("WebAuthn.removeVirtualAuthenticator", self._named)
