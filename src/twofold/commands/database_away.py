"""What to say when a database cannot be worked with: what it said itself, in one line, and what to do."""

from twofold.kit.sql.away import said, what_it_says

# What the database or the system says, and what to do; the first that fits. {setting} is where the address was named.
REMEDIES = (
    ("session is read-only", "None of the hosts is a primary: see to the cluster, or correct {setting}."),
    ("read-only replica", "Name the primary, or all hosts, in {setting}."),
    ("password authentication failed", "Correct user and password in {setting}."),
    ("does not exist", "Create it, or correct {setting}."),
    ("too many clients", "Lower TWOFOLD_POOL_SIZE, or raise the database's max_connections."),
    ("too many connections", "Lower TWOFOLD_POOL_SIZE, or raise the limit of the database's user."),
    ("remaining connection slots", "Lower TWOFOLD_POOL_SIZE, or raise the database's max_connections."),
    ("no more connections allowed", "Lower TWOFOLD_POOL_SIZE, or raise the pooler's max_client_conn."),
    ("readonly database", "This user must be able to write the file and its folder, on a disk that takes writes."),
    ("unable to open database file", "{setting} must name a file that this user can write."),
    ("is locked", "Another program holds it: end that one, then try again."),
    ("is full", "Make room on the disk."),
)
OTHERWISE = "Check {setting}, and that the database is running."


def remedy(error: Exception, setting: str = "TWOFOLD_DATABASE_URL") -> str:
    """Return what to do about it."""
    reason = said(error)
    return next((todo for part, todo in REMEDIES if part in reason), OTHERWISE).format(setting=setting)


def sentence(error: Exception, setting: str = "TWOFOLD_DATABASE_URL") -> str:
    """Return both in one line."""
    return f"The database cannot be reached: {what_it_says(error)}. {remedy(error, setting)}"
