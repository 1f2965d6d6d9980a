"""Our Python files, parsed once, and what can be asked of them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BASE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Source:
    """One file: its path below the checkout, its lines and its tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.as_posix()

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node

    @staticmethod
    def imports_below(node: ast.AST) -> list[ast.Import | ast.ImportFrom]:
        return [inner for inner in ast.walk(node) if isinstance(inner, (ast.Import, ast.ImportFrom))]

    def imported(self) -> Iterator[tuple[str, int]]:
        """The dotted names of all modules that this file imports, with their lines; of `from a import b`, "a.b"."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = self.path.parts[: -node.level] if node.level else ()
                module = ".".join([*package, *([node.module] if node.module else [])])
                yield from ((f"{module}.{alias.name}", node.lineno) for alias in node.names)


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """The files below *folders*, without migrations, which Django writes."""
    paths = [path for folder in folders for path in sorted((BASE / folder).rglob("*.py"))]
    paths = [path for path in paths if "migrations" not in path.parts]
    texts = [(path.relative_to(BASE), path.read_text()) for path in paths]
    return tuple(Source(path, text, ast.parse(text, str(path))) for path, text in texts)
