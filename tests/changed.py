"""Prints the tests of what differs from main, for ``make check``: a line each, none where no test is about it.

What counts: commits that main has not, and what is not committed yet. The tests of a wing of the package are the folder
of the same name; a test that has changed is itself; what other tests import stands for those that import it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

_PACKAGE = ("src", "otel_sessions")
_DOCUMENTED = {
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "trials/README.md",
    "Makefile",
    "mkdocs.yml",
    "docs",
    "collector-config",
    ".ci",
}
# They need a server or a browser each, or frameworks; make e2e, make test-collector, make test-browser, make test-frameworks and make test-languages run them.
_APART = (
    "tests/e2e",
    "tests/collector",
    "tests/frameworks",
    "tests/languages",
    "tests/view/browser",
    "tests/packaging",
    "tests/typing",
)


def git(*arguments: str) -> list[str]:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S607  # who develops this has it


def changed() -> list[str]:
    """Return the paths that differ from where this branch has left main, and those that git does not know yet."""
    known = git("branch", "--all", "--format=%(refname:short)")
    main = next((name for name in ("origin/main", "main") if name in known), "HEAD")
    base = git("merge-base", main, "HEAD")[0]
    return [*git("diff", "--name-only", base), *git("ls-files", "--others", "--exclude-standard")]


def tests_of(path: PurePosixPath) -> set[Path]:
    """Return what tests a file of the project, if anything does."""
    parts = path.parts
    if parts[:2] == _PACKAGE:
        return tests_of_module(path)
    if parts[0] == "tests":
        return set() if str(path).startswith(_APART) else tests_of_test(path)
    if parts[0] == "examples":
        return named("test_examples")
    return set() if _DOCUMENTED.isdisjoint({parts[0], path.as_posix()}) else named("test_docs")


def tests_of_module(path: PurePosixPath) -> set[Path]:
    """Return the folder of the same name as its wing; of a module without one, what has its name."""
    wing, *module = path.parts[len(_PACKAGE) :]
    folder = Path("tests", wing)
    if module and folder.is_dir():
        return {folder}
    return named(f"test_{PurePosixPath(wing).stem.strip('_')}")


def tests_of_test(path: PurePosixPath) -> set[Path]:
    if path.name == "conftest.py":
        return {Path(path.parent)}
    if path.name.startswith("test_"):
        return {Path(path)} & set(Path(path.parent).glob("*.py"))  # it may have been deleted
    imports = re.compile(rf"^(from|import) {path.stem}\b", re.MULTILINE)
    return {test for test in Path("tests").rglob("test_*.py") if not apart(test) and imports.search(test.read_text())}


def named(name: str) -> set[Path]:
    return {test for test in Path("tests").rglob(f"{name}.py") if not apart(test)}


def apart(test: Path) -> bool:
    return test.as_posix().startswith(_APART)


def main() -> None:
    found = {test for path in changed() for test in tests_of(PurePosixPath(path))}
    # What is in a folder that is among them runs with that.
    sys.stdout.writelines(f"{test.as_posix()}\n" for test in sorted(found) if found.isdisjoint(test.parents))


if __name__ == "__main__":
    main()
