"""What an application may see and do, in words, scope by scope. Pure."""

from twofold.kit.words import gettext as _


def of_scope(scope: str) -> list[str]:
    """Say what the scopes of a request, or of a grant, let an application see."""
    said = {
        "openid": _("who you are here, when you signed in and with what (password, second factor)"),
        "profile": _("your name, your language and your time zone"),
        "email": _("your email address"),
        "account": _("your organisation, its edition, your role in it and whether you have a licence"),
        "offline_access": _("all of this also while you do not use it, until you sign out here"),
    }
    return [said[name] for name in scope.split(" ") if name in said]
