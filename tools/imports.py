"""Who may import whom: the import contracts, held by `make check`.

    python tools/imports.py [folder of the package]

Every import counts, also one under TYPE_CHECKING. What breaks a rule is named by file and line, with the rule.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The ladder of packages stands in docs/architecture.md, in the block that this opens. A package may import from lower
# ones only; those on one step do not know each other.
ARCHITECTURE = Path(__file__).parents[1] / "docs" / "architecture.md"
LADDER_BEGINS = "```ladder"

# Where features meet: these may import any file of the packages below them.
COMPOSITION = {"schema", "migrations", "operations", "app", "demo", "commands", "cli", "__main__"}

# Packages that know no feature: no roles and no pure modules inside them.
FOUNDATIONS = {"redaction", "setting_addresses", "setting_passkeys", "setting_values", "brand", "settings", "kit"}

# The roles in a package, lowest first, told by the file's name: `flow.py`, and `set_up_flow.py` as well. A role may
# import lower ones and its own kind. Every other file is a pure module: values in, values out.
ROLES = (
    ("tables",),
    ("records",),
    ("flow",),
    ("guard", "letters"),
    ("views",),
    ("pages", "api"),
)

# What another package may use, beside pure modules.
PUBLIC_ROLES = {"flow", "guard", "tables", "views"}

# HTTP ends here: no other role, and no pure module, may import these modules.
HTTP_ROLES = {"guard", "views", "pages", "api"}
HTTP_MODULES = ("litestar", "starlette", "uvicorn", "twofold.kit.http")

# A pure module may import other pure modules, the standard library but for what reaches outside, and what is listed.
PURE_MODULES = (
    "cryptography", "fido2", "msgspec", "segno", "typing_extensions", "twofold.kit.network", "twofold.kit.plain_text",
    "twofold.kit.schema_names", "twofold.kit.time_zones",
    "twofold.kit.words",
)  # fmt: skip
IMPURE_STANDARD_LIBRARY = {
    "asyncio", "concurrent", "http", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select",
    "shutil", "signal", "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "threading",
    "time",
}  # fmt: skip


def ladder() -> list[list[str]]:
    """Read the ladder of packages, the lowest step first, from the architecture's own description."""
    block = ARCHITECTURE.read_text(encoding="utf-8").partition(LADDER_BEGINS)[2].partition("```")[0]
    return [[name.strip() for name in step.split(",")] for step in block.split("<")]


HEIGHT_OF_PACKAGE = {package: height for height, step in enumerate(ladder()) for package in step}
HEIGHT_OF_ROLE = {role: height for height, roles in enumerate(ROLES) for role in roles}
PURE = "pure module"


@dataclass(frozen=True)
class Module:
    """A file of the package; `parts` is its dotted name without the package's own."""

    parts: tuple[str, ...]

    @property
    def package(self) -> str:
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
        return PURE

    @property
    def height(self) -> int:
        return HEIGHT_OF_ROLE.get(self.role, -1)

    @property
    def is_pure(self) -> bool:
        return self.package not in FOUNDATIONS | COMPOSITION and self.role == PURE


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
        f"{len(files)} files, {len(breaches)} imports against the contracts"
        if breaches
        else f"{len(files)} files keep to the import contracts"
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
    if module.package not in HEIGHT_OF_PACKAGE:
        yield Breach(path, 1, _has_no_place(module))
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
                    yield Breach(path, node.lineno, "no imports inside functions: they hide a dependency")


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
    if imported.package not in HEIGHT_OF_PACKAGE:
        return _has_no_place(imported)
    if module.package == imported.package:
        return _forbids_inside(module, imported)
    return _forbids_across(module, imported)


def _has_no_place(module: Module) -> str:
    return f"{module.package} is no package of ours: give it a place in the ladder of docs/architecture.md"


def _forbids_foreign(module: Module, target: str) -> str | None:
    if not module.is_pure or _is_under(target, PURE_MODULES):
        return None
    first = target.partition(".")[0]
    if first in sys.stdlib_module_names and first not in IMPURE_STANDARD_LIBRARY:
        return None
    return f"{module.name} has no role in its name, so it is a pure module"


def _forbids_inside(module: Module, imported: Module) -> str | None:
    if module.package in FOUNDATIONS | COMPOSITION:
        return None
    if len(imported.parts) == 1:
        return "import from the file, not from the package"
    if imported.height < module.height or imported.role == module.role:
        return None
    return f"inside a package {_ladder()}"


def _forbids_across(module: Module, imported: Module) -> str | None:
    if HEIGHT_OF_PACKAGE[imported.package] >= HEIGHT_OF_PACKAGE[module.package]:
        place = f"{module.package} stands {_beside_or_below(module, imported)} {imported.package}"
        return f"{place}; packages import downward only"
    if module.package in COMPOSITION:
        return None
    if imported.package in FOUNDATIONS:
        return _forbids_foreign(module, f"twofold.{imported.name}")
    if len(imported.parts) == 1:
        return "import from the file, not from the package"
    if not imported.is_pure and imported.role not in PUBLIC_ROLES:
        public = ", ".join(sorted(PUBLIC_ROLES))
        return f"{imported.role} is private to its package; of another only {public} and pure modules"
    if imported.height > module.height:
        return f"also across packages {_ladder()}"
    return None


def _may_speak_http(module: Module) -> bool:
    return module.package in FOUNDATIONS | COMPOSITION or module.role in HTTP_ROLES


def _is_under(target: str, modules: tuple[str, ...]) -> bool:
    return any(target == name or target.startswith(f"{name}.") for name in modules)


def _beside_or_below(module: Module, imported: Module) -> str:
    return "beside" if HEIGHT_OF_PACKAGE[imported.package] == HEIGHT_OF_PACKAGE[module.package] else "below"


def _ladder() -> str:
    return " -> ".join(", ".join(roles) for roles in reversed(ROLES)) + ", pure modules"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
