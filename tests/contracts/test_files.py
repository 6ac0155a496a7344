"""How files are opened: in no encoding of a locale, and no name is taken for a pattern."""

import ast
import re

import pytest

from tests.workflow.running import PACKAGES


def opens_text(call):
    """Whether a call reads or writes text, as far as its name and its arguments tell."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("read_text", "write_text"):
        return True
    told = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    modes = [word for word in told if isinstance(word, str) and set(word) <= set("rwaxbt+|gz")]
    of_bytes = ast.unparse(call.func).split(".")[0] in ("Image", "Shards", "Category", "os")
    return name == "open" and not of_bytes and not any(set(mode) & set("b|") for mode in modes)


def reads_table(call):
    """Whether a call is Polars' reading of a file, which may be taken for a pattern of names."""
    return ast.unparse(call.func) in ("pl.read_parquet", "pl.scan_parquet", "pl.scan_csv")


def lines_without(keyword, of, source):
    """The lines of the calls of a kind that lack a keyword."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [
        call.lineno for call in calls if of(call) and keyword not in {k.arg for k in call.keywords}
    ]


def found(keyword, of, folder):
    """The same by file of a folder, where there are any."""
    files = {str(file): file.read_text(encoding="utf-8") for file in sorted(folder.rglob("*.py"))}
    lines = {name: lines_without(keyword, of, source) for name, source in files.items()}
    return {name: held for name, held in lines.items() if held}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_text_is_read_and_written_in_a_named_encoding(repository, package):
    assert found("encoding", opens_text, repository / package) == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_path_is_taken_for_a_pattern(repository, package):
    """Polars reads `a[1].parquet` as the pattern of `a1.parquet`, unless it is told not to."""
    assert found("glob", reads_table, repository / package) == {}


def test_so_do_the_rules(repository):
    """Rule files are no Python that could be parsed; a call fits a line."""
    for file in (repository / "workflow").rglob("*.smk"):
        for line in file.read_text(encoding="utf-8").splitlines():
            opens = re.search(r"\b(read_text|write_text|open)\(", line)
            assert not opens or "encoding=" in line, (file, line)


def test_a_call_without_encoding_is_seen():
    source = "path.read_text()\nopen(path)\npath.open('w')\npath.open('rb')\nImage.open(path)\n"
    assert lines_without("encoding", opens_text, source) == [1, 2, 3]
