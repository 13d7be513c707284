"""Checks of what lies outside: the mail server, the base URL, the proxies."""

from collections.abc import Callable, Iterator

from twofold.commands.checked import Checked, Health
from twofold.kit.mail.smtp import SmtpTransport
from twofold.operations import health
from twofold.settings import Settings

WIDEST_PROXIES = {4: 16, 6: 48}  # shortest prefixes of a network that may hold proxies alone


# What the mail server, or OpenSSL of its certificate, says, and what to do; the first that fits.
MAIL_REMEDIES = (
    ("mismatch", "Name the mail server in TWOFOLD_SMTP_URL as its certificate does."),
    ("certificate has expired", "Renew the certificate of the mail server."),
    ("certificate verify failed", "Name the certificate of the authority that signed its own in TWOFOLD_SMTP_CA."),
    ("SMTPNotSupportedError: STARTTLS", "Write smtps:// if it speaks TLS from the start, or see to the mail server."),
    ("535 ", "Correct the user and the password, in TWOFOLD_SMTP_URL or where they are set apart."),
)
OTHER_MAIL_REMEDY = "Correct TWOFOLD_SMTP_URL, or see to the mail server."


def mail(settings: Settings) -> Iterator[Checked]:
    if settings.smtp_url is None:
        says = "There is no mail server: invitations, resets and the forced set-up are refused, notices are skipped."
        yield Checked("mail", Health.FINDING, says, "Set TWOFOLD_SMTP_URL and TWOFOLD_MAIL_FROM.")
        return
    failed = SmtpTransport(settings.smtp_url, login=settings.smtp_login, ca=settings.smtp_ca).reach()
    if failed is not None:
        remedy = next((todo for part, todo in MAIL_REMEDIES if part in failed.why), OTHER_MAIL_REMEDY)
        yield Checked("mail", Health.FINDING, f"The mail server does not let us in: {failed.why}", remedy)
    else:
        yield Checked("mail", Health.OK, "The mail server lets us in.")
    if settings.secure and settings.mail_from.endswith("@localhost"):
        says = f"Letters say that they come from {settings.mail_from}."
        yield Checked("mail", Health.FINDING, says, "Set TWOFOLD_MAIL_FROM to an address of your domain.")


def base_url(settings: Settings, is_served: Callable[[], bool]) -> Iterator[Checked]:
    """Ask whether links lead to us; where nothing serves yet, nothing can answer."""
    url = settings.base_url
    if not settings.secure:
        says = f"{url} can be reached from this machine only."
        yield Checked("base URL", Health.NOTE, says, "For others, set TWOFOLD_BASE_URL to an https address.")
    else:
        yield Checked("base URL", Health.OK, f"Links lead to {url}.")
    try:
        ours = health.answers_at(url, seconds=3)
    except OSError as error:
        cause = getattr(error, "reason", error)
        if is_served():
            says = f"A server runs, but {url} does not lead to it from here: {cause}."
            yield Checked("base URL", Health.FINDING, says, "See to the proxy, the name and the certificate.")
        else:
            says = f"{url} does not answer: {cause}."
            yield Checked("base URL", Health.NOTE, says, "Start the server, or see to the proxy and the name.")
        return
    if not ours:
        says = f"{url} answers, but it is not Twofold."
        yield Checked(
            "base URL", Health.FINDING, says, "Let the proxy pass every path on, or correct TWOFOLD_BASE_URL."
        )


def proxies(settings: Settings) -> Iterator[Checked]:
    wide = [network for network in settings.trusted_proxies if network.prefixlen < WIDEST_PROXIES[network.version]]
    if wide:
        named = ", ".join(map(str, wide))
        says = f"Whole networks are trusted as proxies ({named}): whoever is in one of them can forge their address."
        if any(network.prefixlen == 0 for network in wide):
            says = f"Everybody is trusted as a proxy ({named}), so anybody can forge their address."
        yield Checked("proxies", Health.FINDING, says, "Name exactly your own proxies in TWOFOLD_TRUSTED_PROXIES.")
    elif settings.secure and not settings.trusted_proxies:
        says = "No proxy is trusted, so the log and the sessions show the proxy's address instead of people's."
        yield Checked("proxies", Health.FINDING, says, "Set TWOFOLD_TRUSTED_PROXIES to the address of your proxy.")
    else:
        named = ", ".join(map(str, settings.trusted_proxies)) or "none"
        yield Checked("proxies", Health.OK, f"Trusted: {named}.")
