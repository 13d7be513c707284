"""Who may act for whom: administrators in their own account, support agents everywhere, nobody for themselves."""

from twofold.directory.person import Person


def oversees(actor: Person, subject: Person) -> bool:
    """Tell whether an actor sees a subject at all; if not, the subject does not exist for them."""
    if actor.role == "support":
        return True
    return actor.role == "admin" and actor.account_id == subject.account_id


def may_act(actor: Person, subject: Person) -> bool:
    """Tell whether an actor may unlock, unfreeze or reset a subject: somebody they oversee, never themselves."""
    return oversees(actor, subject) and actor.id != subject.id
