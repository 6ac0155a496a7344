"""Names, raw locations and digests shared by all rules: nothing here touches data."""

import ast
import fcntl
import hashlib
import shutil
import sys
from pathlib import Path

import yaml

REPOSITORY = Path(workflow.basedir).parent
sys.path.insert(
    0, str(REPOSITORY)
)  # the registry is read by the code that trains from it


wildcard_constraints:
    experiment=r"[a-z0-9-]+",
    seed=r"\d+",
    table=r"table[1-4]|modalities|textsources",


def results(path):
    """A path below this configuration's folder."""
    return f"results/{config['name']}/{path}"


def module_file(name):
    """The source file of a module of this repository, or None."""
    path = REPOSITORY / name.replace(".", "/")
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def imported(tree):
    """Names that a syntax tree imports, at the top or inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def source_digest(*modules):
    """Hash of what a rule runs: editing it re-triggers the rule, a comment does not.

    Covers the syntax trees of the modules and of all that they import from this
    repository, and the tables, queries and templates that lie beside them.
    """
    digest, found, todo = hashlib.sha256(), set(), list(modules)
    while todo:
        name = todo.pop()
        if name in found or not module_file(name):
            continue
        found.add(name)
        todo += imported(ast.parse(module_file(name).read_text()))
    files = {module_file(name) for name in found}
    for file in sorted(files):
        digest.update(ast.dump(ast.parse(file.read_text())).encode())
    for folder in sorted({file.parent for file in files}):
        beside = ("*.tsv", "sql/*.sql", "templates/*")
        for file in sorted(file for kind in beside for file in folder.glob(kind)):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


# A job that outlives a killed workflow would write into the files of the next
# one: ask the kernel to end it with its parent. `exec` makes the job the child.
if shutil.which("setpriv"):
    shell.prefix("exec setpriv --pdeathsig KILL ")


# Snakemake's own lock survives `kill -9` and would refuse the next run, so the
# profile turns it off; this one ends with the process that holds it.
RUNNING = []


onstart:
    Path(results("")).mkdir(parents=True, exist_ok=True)
    RUNNING.append(open(results(".lock"), "w"))
    try:
        fcntl.flock(RUNNING[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(
            f"error: another run of the configuration '{config['name']}' is going on; "
            "wait for it or stop it first."
        )
