"""Command lines of the rules: whatever is legal in a path reaches the steps whole.

What a run makes of odd paths is a case of tests/field/path_cases.py.
"""

import re

import pytest

COMMAND = re.compile(r"shell(?::\n|\()((?:\s*\"[^\"\n]*\")+)")
PLACEHOLDER = re.compile(r"\{[^}]*\}")


def commands(file):
    """The command lines of a rule file, in pieces or whole."""
    return COMMAND.findall(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rule_files(repository):
    return sorted((repository / "workflow/rules").glob("*.smk"))


def test_every_placeholder_of_a_command_line_is_quoted(rule_files):
    found = {file.name: PLACEHOLDER.findall("".join(commands(file))) for file in rule_files}
    bare = {name: [p for p in held if not p.endswith(":q}")] for name, held in found.items()}
    assert {name: held for name, held in bare.items() if held} == {}


def test_what_the_linter_says_is_explained(snakemake, repository):
    told = re.findall(r"^ +\* (.+)", snakemake("--lint").stdout, flags=re.MULTILINE)
    table = (repository / "docs/install.md").read_text(encoding="utf-8").partition("| lint ")[2]
    explained = tuple(re.findall(r"^\| ([A-Z].*?) \|", table, flags=re.MULTILINE))
    assert [lint for lint in told if not lint.startswith(explained)] == []
    assert [each for each in explained if not any(lint.startswith(each) for lint in told)] == []


def test_every_command_line_is_looked_at(rule_files):
    """A rule without a command or with one that is written otherwise would not be seen above."""
    for file in rule_files:
        text = file.read_text(encoding="utf-8")
        assert len(commands(file)) == len(re.findall(r"\bshell(?::|\()", text)), file.name
