"""Draw the layers of the package, from its code, into docs/architecture.md.

Usage: ``python scripts/draw_layers.py``. Layers are those that import-linter checks (pyproject.toml), arrows
are the imports that there are. An arrow that others imply is left out: cli reaches errors through runner.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- layers: drawn by scripts/draw_layers.py -->\n", "<!-- end of layers -->"


def layers() -> list[list[str]]:
    """From the top, each with the packages and modules in it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (contract,) = (each for each in settings["contracts"] if each["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def imports(names: list[str]) -> dict[str, set[str]]:
    """What each of the packages imports of the others."""
    graph = grimp.build_graph("sebench")
    return {
        importer: {
            imported
            for imported in names
            if imported != importer
            and graph.direct_import_exists(
                importer=f"sebench.{importer}", imported=f"sebench.{imported}", as_packages=True
            )
        }
        for importer in names
    }


def without_implied(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """Only arrows that no longer way replaces."""

    def reached(name: str) -> set[str]:
        return set().union(*({each} | reached(each) for each in edges[name])) if edges[name] else set()

    return {
        name: {each for each in ends if not any(each in reached(other) for other in ends - {each})}
        for name, ends in edges.items()
    }


def drawing() -> str:
    """A Mermaid flow chart, the top layer first."""
    rows = layers()
    edges = without_implied(imports([name for row in rows for name in row]))
    lines = ["```mermaid", "flowchart TB"]
    for number, row in enumerate(rows):
        members = (f"    {name}" for name in row)
        lines += [f"  subgraph layer{number}[ ]", "    direction LR", *members, "  end"]
    lines += [f"  {name} --> {each}" for row in rows for name in row for each in sorted(edges[name])]
    return "\n".join([*lines, "```", ""])


def with_drawing(page: str) -> str:
    """The page with the drawing of today in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{drawing()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_drawing(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
