"""What a rule runs and what it reads, as hashes: another one runs the rule again."""

import ast
import functools
import hashlib

from snakemake.io import IOFile

from commandline.changes import changed_pictures, fingerprint
from commandline.shipped import PACKAGES, shipped

OWN = ("commandline", "lanistr", "preprocessing", "reading", "synthetic")


@functools.cache
def module_file(name):
    """The source file of a module of this project, or None."""
    if name.split(".")[0] not in OWN:
        return None
    path = PACKAGES / name.replace(".", "/")
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def imported(node):
    """Names that a syntax node imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def parsed(file):
    """The syntax tree of a source file as text, and the names that it imports.

    As `ast.dump` and `ast.walk` tell it, in a third of the time.
    """
    words, names = [], []
    todo = [ast.parse(file.read_text(encoding="utf-8"))]
    while todo:
        part = todo.pop()
        if isinstance(part, ast.AST):
            words.append(type(part).__name__)
            todo += [getattr(part, field, None) for field in part._fields]
            names += imported(part)
        elif isinstance(part, list):
            words.append(f"[{len(part)}]")
            todo += part
        else:
            words.append(repr(part))
    return "\0".join(words).encode(), tuple(names)


@functools.cache
def source_digest(*modules):
    """Hash of what a rule runs: editing it re-triggers the rule, a comment does not.

    Covers the syntax trees of the modules and of all that they import from this
    repository, and the tables, queries and templates that lie beside them.
    """
    digest, found, todo = hashlib.sha256(), {}, list(modules)
    while todo:
        name = todo.pop()
        if name in found or not (file := module_file(name)):
            continue
        found[name] = file
        todo += parsed(file)[1]
    files = sorted({*found.values()})
    for file in files:
        digest.update(parsed(file)[0])
    for folder in sorted({file.parent for file in files}):
        beside = ("*.tsv", "*.yaml", "sql/*.sql", "templates/*")
        for file in sorted(file for kind in beside for file in folder.glob(kind)):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def method_digest(experiment, *modules):
    """The digest of modules with the method of an experiment: they find it by its name."""
    name = REGISTRY[experiment].get("method", "lanistr")
    trainer = methods()[name].trainer if name in methods() else None
    folder = (PACKAGES / "lanistr/methods" / name).glob("*.py")
    own = [f"lanistr.methods.{name}.{file.stem}" for file in sorted(folder)]
    return source_digest(*modules, *own, *filter(None, [trainer]))


def gates_digest(data):
    """The digest of what looks for leaks: for any data set, and for this one alone."""
    own = f"preprocessing.datasets.{data.split('/')[0]}"
    return source_digest(
        "preprocessing.audit.leakage.report", f"{own}.leakage", f"{own}.gates"
    )


def contents(*inputs):
    """Params function: the fingerprint of each file of the user among some inputs.

    As inputs these are `ancient`: their content counts, not their dates. Each of `inputs` is a
    list of paths, or an input function. What is made here is left out: Snakemake knows when.
    """

    def fingerprints(wildcards):
        given = [told(wildcards) if callable(told) else told for told in inputs]
        paths = {
            str(path)
            for found in given
            for path in ([found] if isinstance(found, str) else found)
        }
        own = sorted(path for path in paths if not path.startswith(results("")))
        return {path: fingerprint(str(shipped(path))) for path in own}

    return fingerprints


def pictures_of(sightings, step):
    """Params function: the same text until pictures come, go or are exchanged.

    `sightings`, a file of interim/, says what was found of the pictures that were looked for. As
    long as that is so, the text stands with which `step`, which a ledger is named for, was run.
    """

    def state(wildcards):
        seen = results(f"interim/{sightings.format(**wildcards)}.json")
        if changed := changed_pictures(seen):
            return f"pictures: {changed}"
        made = IOFile(results(f"ledger/{step.format(**wildcards)}.json"))
        before = workflow.persistence.params(made) or []
        # Snakemake keeps a text as Python writes it.
        told = (text[1:-1] for text in before if text.startswith("'pictures: "))
        return next(told, "pictures: as they were found")

    return state
