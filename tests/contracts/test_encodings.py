"""No file is read or written in the encoding of a locale: machines differ in it."""

import ast
import re

import pytest

PACKAGES = ("commandline", "lanistr", "preprocessing", "synthetic")


def opens_text(call):
    """Whether a call reads or writes text, as far as its name and its arguments tell."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("read_text", "write_text"):
        return True
    told = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    modes = [word for word in told if isinstance(word, str) and set(word) <= set("rwaxbt+|gz")]
    of_bytes = ast.unparse(call.func).split(".")[0] in ("Image", "Shards", "Category")
    return name == "open" and not of_bytes and not any(set(mode) & set("b|") for mode in modes)


def in_no_encoding(source):
    """The lines of calls that leave the encoding of a text to the machine."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [
        call.lineno
        for call in calls
        if opens_text(call) and "encoding" not in {keyword.arg for keyword in call.keywords}
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_text_is_read_and_written_in_a_named_encoding(repository, package):
    files = sorted((repository / package).rglob("*.py"))
    found = {str(file): in_no_encoding(file.read_text(encoding="utf-8")) for file in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_so_do_the_rules(repository):
    """Rule files are no Python that could be parsed; a call fits a line."""
    for file in (repository / "workflow").rglob("*.smk"):
        for line in file.read_text(encoding="utf-8").splitlines():
            opens = re.search(r"\b(read_text|write_text|open)\(", line)
            assert not opens or "encoding=" in line, (file, line)


def test_a_call_without_encoding_is_seen():
    source = "path.read_text()\nopen(path)\npath.open('w')\npath.open('rb')\nImage.open(path)\n"
    assert in_no_encoding(source) == [1, 2, 3]
