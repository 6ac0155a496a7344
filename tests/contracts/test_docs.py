"""Pages lead where they say, and the site has all of them."""

import re

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
