"""Who may import whom: the arrows of the house, held by `make check`.

    python tools/arrows.py [folder of the package]

Every import counts, also one under TYPE_CHECKING. What breaks a rule is named by file and line, with the rule.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The rooms, lowest first. A room may import from lower ones only; those on one line do not know each other.
ROOMS = (
    ("redaction",),
    ("settings",),
    ("kit",),
    ("audit",),
    ("directory",),
    ("abuse",),
    ("sessions",),
    ("lockouts",),
    ("factors",),
    ("resets",),
    ("recovery",),
    ("signin", "profile"),
    ("provisioning",),
    ("admin", "oidc"),
    ("support",),
    ("schema",),
    ("migrate",),
    ("migrations",),
    ("health", "help_pages", "limiting", "metrics_endpoint", "worker"),
    ("jobs",),
    ("assembly",),
    ("background",),
    ("app",),
    ("copy_database", "restore", "server"),
    ("demo",),
    ("commands",),
    ("cli",),
    ("__main__",),
)

# Rooms without features of their own: they may import any file of the rooms below them.
MEETING_PLACES = {
    "schema", "migrations", "migrate", "health", "help_pages", "limiting", "metrics_endpoint", "worker", "jobs",
    "assembly", "background", "app",
    "copy_database", "restore", "server", "demo", "commands", "cli", "__main__",
}  # fmt: skip

# Rooms that know no feature: no roles and no things inside them.
FOUNDATIONS = {"redaction", "settings", "kit"}

# The roles in a room, lowest first, told by the file's name: `flow.py`, and `set_up_flow.py` as well. A role may import
# lower ones and its own kind. Every other file is a thing: values in, values out.
ROLES = (
    ("tables",),
    ("records",),
    ("flow",),
    ("guard", "letters"),
    ("views", "forms"),
    ("pages", "api"),
)

# What another room may use, beside things.
PUBLIC_ROLES = {"flow", "guard", "tables", "views"}

# HTTP ends here: no other role, and no thing, may import these modules.
HTTP_ROLES = {"guard", "views", "forms", "pages", "api"}
HTTP_MODULES = ("litestar", "starlette", "uvicorn", "twofold.kit.web")

# A thing may import other things, the standard library but for its doors to the outside, and what is listed here.
PURE_MODULES = (
    "cryptography", "msgspec", "segno", "typing_extensions", "twofold.kit.network", "twofold.kit.plain_text",
    "twofold.kit.words",
)  # fmt: skip
IMPURE_STANDARD_LIBRARY = {
    "asyncio", "concurrent", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select",
    "shutil", "signal", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading",
    "time",
}  # fmt: skip

HEIGHT_OF_ROOM = {room: height for height, rooms in enumerate(ROOMS) for room in rooms}
HEIGHT_OF_ROLE = {role: height for height, roles in enumerate(ROLES) for role in roles}
THING = "thing"


@dataclass(frozen=True)
class Module:
    """A file of the package; `parts` is its dotted name without the package's own."""

    parts: tuple[str, ...]

    @property
    def room(self) -> str:
        return self.parts[0]

    @property
    def name(self) -> str:
        return ".".join(self.parts)

    @property
    def role(self) -> str:
        """The role that its name tells: the last word of the first part that ends in one."""
        for part in self.parts[1:]:
            word = part.rpartition("_")[2]
            if word in HEIGHT_OF_ROLE:
                return word
        return THING

    @property
    def height(self) -> int:
        return HEIGHT_OF_ROLE.get(self.role, -1)

    @property
    def is_thing(self) -> bool:
        return self.room not in FOUNDATIONS | MEETING_PLACES and self.role == THING


@dataclass(frozen=True)
class Breach:
    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


def main(arguments: list[str]) -> int:
    package = Path(arguments[0]) if arguments else Path("src/twofold")
    files = sorted(package.rglob("*.py"))
    if not files:
        print(f"{package} has no Python files")
        return 2
    breaches = [breach for path in files for breach in check(path, package)]
    for breach in breaches:
        print(breach)
    print(
        f"{len(files)} files, {len(breaches)} imports against the arrows"
        if breaches
        else f"{len(files)} files keep to the arrows"
    )
    return 1 if breaches else 0


def check(path: Path, package: Path) -> Iterator[Breach]:
    """Yield what breaks the rules in one file of the package."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    if path.name == "__init__.py":
        yield from _check_is_empty(tree, path)
        return
    parts = path.relative_to(package).with_suffix("").parts
    module = Module(parts)
    if module.room not in HEIGHT_OF_ROOM:
        yield Breach(path, 1, f"{module.room} is no room: give it a place in ROOMS of tools/arrows.py")
        return
    yield from _check_no_import_in_functions(tree, path)
    for line, target in _imports(tree, package):
        if reason := _forbids(module, target, package.name):
            yield Breach(path, line, f"{module.name} may not import {target}: {reason}")


def _check_is_empty(tree: ast.Module, path: Path) -> Iterator[Breach]:
    rest = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    if rest:
        yield Breach(path, rest[0].lineno, "__init__.py is empty or a docstring: import from where a name is made")


def _check_no_import_in_functions(tree: ast.Module, path: Path) -> Iterator[Breach]:
    seen = set()
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom) and node not in seen:
                    seen.add(node)
                    yield Breach(path, node.lineno, "no imports inside functions: they hide an arrow")


def _imports(tree: ast.Module, package: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of each imported module; of `from a import b` it is a.b where b is a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            modules = {
                f"{source}.{alias.name}" for alias in node.names if _is_module(f"{source}.{alias.name}", package)
            }
            values = len(modules) < len({alias.name for alias in node.names})
            yield from ((node.lineno, name) for name in sorted(modules | ({source} if values else set())))


def _is_module(name: str, package: Path) -> bool:
    first, *rest = name.split(".")
    place = package.joinpath(*rest)
    return first == package.name and (place.with_suffix(".py").is_file() or place.is_dir())


def _forbids(module: Module, target: str, package: str) -> str | None:
    """Return the rule that forbids `module` to import `target` (a dotted name), or None."""
    if target.startswith("."):
        return "imports are absolute"
    if _is_under(target, HTTP_MODULES) and not _may_speak_http(module):
        return f"HTTP ends in {', '.join(sorted(HTTP_ROLES))}"
    if not _is_under(target, (package,)):
        return _forbids_foreign(module, target)
    if target == package:
        return None  # its version
    imported = Module(tuple(target.split(".")[1:]))
    if imported.room not in HEIGHT_OF_ROOM:
        return f"{imported.room} is no room: give it a place in ROOMS of tools/arrows.py"
    if module.room == imported.room:
        return _forbids_inside(module, imported)
    return _forbids_across(module, imported)


def _forbids_foreign(module: Module, target: str) -> str | None:
    if not module.is_thing or _is_under(target, PURE_MODULES):
        return None
    first = target.partition(".")[0]
    if first in sys.stdlib_module_names and first not in IMPURE_STANDARD_LIBRARY:
        return None
    return f"{module.name} has no role in its name, so it is a thing, and things are pure"


def _forbids_inside(module: Module, imported: Module) -> str | None:
    if module.room in FOUNDATIONS | MEETING_PLACES:
        return None
    if len(imported.parts) == 1:
        return "import from the file, not from the room"
    if imported.height < module.height or imported.role == module.role:
        return None
    return f"inside a room {_ladder()}"


def _forbids_across(module: Module, imported: Module) -> str | None:
    if HEIGHT_OF_ROOM[imported.room] >= HEIGHT_OF_ROOM[module.room]:
        return f"{module.room} stands {_beside_or_below(module, imported)} {imported.room}; rooms import downward only"
    if module.room in MEETING_PLACES:
        return None
    if imported.room in FOUNDATIONS:
        return _forbids_foreign(module, f"twofold.{imported.name}")
    if len(imported.parts) == 1:
        return "import from the file, not from the room"
    if not imported.is_thing and imported.role not in PUBLIC_ROLES:
        return (
            f"{imported.role} is private to its room; of another room only {', '.join(sorted(PUBLIC_ROLES))} and things"
        )
    if imported.height > module.height:
        return f"also across rooms {_ladder()}"
    return None


def _may_speak_http(module: Module) -> bool:
    return module.room in FOUNDATIONS | MEETING_PLACES or module.role in HTTP_ROLES


def _is_under(target: str, modules: tuple[str, ...]) -> bool:
    return any(target == name or target.startswith(f"{name}.") for name in modules)


def _beside_or_below(module: Module, imported: Module) -> str:
    return "beside" if HEIGHT_OF_ROOM[imported.room] == HEIGHT_OF_ROOM[module.room] else "below"


def _ladder() -> str:
    return " -> ".join(", ".join(roles) for roles in reversed(ROLES)) + ", things"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
