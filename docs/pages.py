"""Pages of the site that lie elsewhere or are made of the code; a hook of MkDocs."""

from __future__ import annotations

import html
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import typer
import yaml

import lanistr.__main__
import preprocessing.__main__
from lanistr.experiments.config import Experiment
from preprocessing.audit.leakage.gates import list_gates

if TYPE_CHECKING:  # tests do without MkDocs
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

REPOSITORY = Path(__file__).parents[1]
# Each page's source in the repository.
ELSEWHERE = {
    "index.md": "README.md",
    "first-results.md": "docs/first-results.ipynb",
    "config.md": "config/README.md",
    "results.md": "results/README.md",
    "deviations.md": "lanistr/README.md",
    "contributing.md": "CONTRIBUTING.md",
}
KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
    "null": "null",
}
LIMITS = {
    "minimum": "from",
    "exclusiveMinimum": "above",
    "maximum": "to",
    "exclusiveMaximum": "below",
}
PROGRAMS = {"lanistr": lanistr.__main__, "python -m preprocessing": preprocessing.__main__}
Schema = Mapping[str, Any]
LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages; those of `docs` lead to them instead of to files of the repository."""
    pages = {f"docs/{file.src_uri}": file.src_uri for file in files.documentation_pages()}
    pages |= {source: page for page, source in ELSEWHERE.items()}
    sources = {f"docs/{file.src_uri}": file.src_uri for file in files} | pages
    for source, page in pages.items():
        add(files, config, page, with_links(read(REPOSITORY / source), source, sources))
    add(files, config, "commands.md", "\n".join(describe_commands()))
    add(files, config, "keys.md", "\n".join(describe_keys()))
    add(files, config, "gates.md", "# Gates of the leakage audit\n\n" + "\n".join(list_gates()))
    return files


def read(path: Path) -> str:
    """A page of the repository; of a notebook its words, its cells and what these showed."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(read_cells(nbformat.read(path, as_version=4).cells))


def read_cells(cells: Iterable[nbformat.NotebookNode]) -> Iterator[str]:
    """The cells of a notebook as Markdown."""
    for cell in cells:
        yield cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```"
        for output in cell.get("outputs", ()):
            match output.get("data", {"text/plain": output.get("text")}):
                case {"image/png": picture}:
                    address = f"data:image/png;base64,{picture.strip()}"
                    yield f'<img alt="what the cell draws" src="{address}">'
                case {"text/html": table}:
                    yield table
                case {"text/plain": words}:
                    yield f"```text\n{words}\n```"


def add(files: Files, config: MkDocsConfig, page: str, text: str) -> None:
    """Add a page, in place of one of that name."""
    from mkdocs.structure.files import File

    if (known := files.get_file_from_path(page)) is not None:
        files.remove(known)
    files.append(File.generated(config, page, content=text))


def with_links(text: str, source: str, sources: Mapping[str, str]) -> str:
    """A text whose links lead to pages; a link to what is none becomes its words.

    Args:
        text: Markdown.
        source: its file in the repository.
        sources: pages by their file.
    """

    def lead(match: re.Match[str]) -> str:
        words, place, anchor = match.groups("")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), place))
        return f"[{words}]({sources[target]}{anchor})" if target in sources else words

    return LINK.sub(lead, text)


def describe_commands() -> Iterator[str]:
    """Every command with its options, from the code."""
    yield "# Commands"
    for program, module in PROGRAMS.items():
        group = typer.main.get_command(module.app)
        yield f"\n## {program}"
        for name, (_, words) in module.STEPS.items():
            _, command, _ = group.resolve_command(typer.Context(group), [name])
            yield f"\n### {name}\n\n{words}.\n"
            yield from describe_options(command)


def describe_options(command: typer.core.TyperCommand) -> Iterator[str]:
    """A command's options as a table."""
    yield "| option | meaning | if it is left out |\n|---|---|---|"
    for option in command.params:
        name = ", ".join(f"`{each}`" for each in option.opts)
        left_out = "refused" if option.required else f"`{option.default}`"
        meaning = html.escape(getattr(option, "help", None) or "", quote=False)
        yield f"| {name} | {meaning} | {left_out} |".replace("`None`", "")


def describe_keys() -> Iterator[str]:
    """Every key of the configuration and of experiments, from their schemas."""
    path = REPOSITORY / "workflow/schemas/config.schema.yaml"
    yield "# Every key\n\n[config.md](config.md) says how they go together.\n"
    for heading, schema in (
        ("What to run: `config/*.yaml`", yaml.safe_load(path.read_text(encoding="utf-8"))),
        ("How a model is trained: recipes and experiments", Experiment.model_json_schema()),
    ):
        yield f"\n## {heading}\n\n| key | meaning | allowed | if it is left out |"
        yield "|---|---|---|---|"
        yield from describe_properties(schema, schema["$defs"])


def describe_properties(part: Schema, known: Schema, above: str = "") -> Iterator[str]:
    """A line of a table for each key of a part of a schema, and for those below it.

    Args:
        part: a JSON schema of an object.
        known: what its `$ref` name.
        above: the part's own key, with a dot behind it.
    """
    for name, key in part.get("properties", {}).items():
        found = resolve(key, known)
        left_out = "refused" if name in part.get("required", ()) else ""
        if found.get("default") not in (None, [], "") and found.get("type") != "object":
            left_out = f"`{json.dumps(found['default'])}`"
        told = (" ".join(found.get("description", "").split()), describe_allowed(found, known))
        cells = (html.escape(text, quote=False).replace("|", "\\|") for text in told)
        yield f"| `{above}{name}` | {' | '.join(cells)} | {left_out} |"
        for form in (found, *(resolve(each, known) for each in found.get("anyOf", ()))):
            yield from describe_properties(form, known, f"{above}{name}.")


def resolve(key: Schema, known: Schema) -> Schema:
    """A key with what it refers to; its own words go before."""
    return {**known[key["$ref"].rpartition("/")[2]], **key} if "$ref" in key else key


def describe_allowed(key: Schema, known: Schema) -> str:
    """What may be given, in words."""
    key = resolve(key, known)
    if choices := key.get("enum"):
        return ", ".join(
            str(each) if re.search(r"\w", str(each)) else repr(each) for each in choices
        )
    if forms := key.get("anyOf") or key.get("oneOf"):
        return " or ".join(dict.fromkeys(describe_allowed(form, known) for form in forms))
    kinds = key.get("type", ())
    words = " or ".join(KINDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
    if isinstance(items := key.get("items"), dict):
        words += f" of {describe_allowed(items, known)}"
    limits = [f"{sign} {key[limit]}" for limit, sign in LIMITS.items() if limit in key]
    return ", ".join([words, *limits])
