"""The drawing of the house in the developer's guide is up to date: every room and module, with its docstring."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "sheets_decrypt"
GUIDE = ROOT / "tests/README.md"
DRAWN = re.compile(r"(<!-- house: .*? -->\n).*?(<!-- end of house -->)", re.DOTALL)


def summary(file: Path) -> str:
    """Return the first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return re.split(r"(?<=[^.])\.(?: |\n|$)", " ".join(text.split("\n\n")[0].split()))[0]


def tree(folder: Path, depth: int = 0) -> Iterator[str]:
    """Yield a line for each of a folder's modules, then for the folders in it."""
    indent = "  " * depth
    for file in sorted(folder.glob("*.py")):
        if file.name != "__init__.py":
            yield f"{indent}{file.name:<{24 - len(indent)}} {summary(file)}"
    for inner in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield f"{indent}{inner.name + '/':<{24 - len(indent)}} {summary(inner / '__init__.py')}"
        yield from tree(inner, depth + 1)


def floors() -> Iterator[str]:
    """Yield the floors of the house from the top down, as `lint-imports` checks them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [layers] = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    for number, floor in enumerate(layers):
        yield f"  {floor}"
        if number < len(layers) - 1:
            yield "    ↓"


def drawing() -> str:
    """Return the text between the guide's two marks."""
    return "\n".join(
        [
            "```text",
            f"sheets_decrypt/          {summary(PACKAGE / '__init__.py')}",
            *tree(PACKAGE, 1),
            "```",
            "",
            "A module imports only what is on a floor below its own:",
            "",
            "```text",
            *floors(),
            "```",
        ]
    )


def test_the_guides_drawing_of_the_house_is_up_to_date() -> None:
    """It has every room, module and floor; to renew it: `python -m tests.test_house`."""
    found = DRAWN.search(GUIDE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == f"{found[1]}{drawing()}\n{found[2]}"


def test_every_module_has_a_summary() -> None:
    """Each module and each room has a sentence for the drawing."""
    assert [str(file) for file in PACKAGE.rglob("*.py") if not summary(file)] == []


if __name__ == "__main__":
    text = GUIDE.read_text(encoding="utf-8")
    GUIDE.write_text(DRAWN.sub(lambda found: f"{found[1]}{drawing()}\n{found[2]}", text), encoding="utf-8")
