"""Pages lead where they say, and the site has all of them."""

import importlib.util
import re

import pytest
import yaml

NAMED = re.compile(r"(?<![\w/])((?:docs|config|lanistr|results)/[\w./-]+\.(?:md|ipynb|yaml|tsv))")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def pages(repository):
    """Every page that people read, in the repository."""
    folders = (
        repository,
        *(repository / name for name in ("docs", "config", "results", "lanistr")),
    )
    return [
        page for folder in folders for page in folder.iterdir() if page.suffix in (".md", ".ipynb")
    ]


@pytest.fixture(scope="module")
def made(repository):
    """The hook that makes pages of the code."""
    spec = importlib.util.spec_from_file_location("made_pages", repository / "docs/pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_key_has_a_line_with_what_it_means(made):
    lines = "\n".join(made.describe_keys()).splitlines()
    told = {line.split("`")[1]: line for line in lines if line.startswith("| `")}
    assert "`0.0001`" in told["optim.lr"] and "number, above 0" in told["optim.lr"]
    assert told["scale"].endswith("| refused |") and "smoke, demo, open" in told["scale"]
    assert "whole number, from 0" in told["optim.schedule.patience"]
    assert "rows.columns" in told and "engine.gpus" in told and "coca.queries" in told
    assert all(line.count(" | ") == 3 for line in told.values())


def test_a_notebook_becomes_a_page(made, repository):
    text = made.read(repository / "docs/first-results.ipynb")
    assert text.startswith("# First results") and "```python\nimport json" in text
    assert '<img alt="' in text and "<table" in text and "```text\n" in text


def test_links_lead_to_pages_or_become_words(made):
    text = "[a](cost.md#speed) [b](../Makefile) [c](https://example.org)"
    told = made.with_links(text, "docs/x.md", {"docs/cost.md": "cost.md"})
    assert told == "[a](cost.md#speed) b [c](https://example.org)"


def test_every_link_leads_to_a_file(repository):
    broken = [
        f"{page.relative_to(repository)}: {link}"
        for page in pages(repository)
        for link in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert not broken


def test_every_page_that_a_program_names_is_there(repository):
    folders = ("workflow", "commandline", "lanistr", "preprocessing", "reading", "synthetic")
    broken = {
        f"{path.relative_to(repository)}: {name}"
        for folder in folders
        for kind in ("*.py", "*.smk", "Snakefile", "*.html")
        for path in (repository / folder).rglob(kind)
        for name in NAMED.findall(path.read_text(encoding="utf-8"))
        if not (repository / name).exists()
    }
    assert not broken


def test_the_site_has_every_page_of_docs(repository):
    sections = yaml.safe_load((repository / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    text = yaml.safe_dump(sections)
    own = [page.stem for page in pages(repository) if page.parent.name == "docs"]
    left_out = [name for name in own if f"{name}.md" not in text]
    assert not left_out
