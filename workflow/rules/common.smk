"""Names, raw locations and digests shared by all rules: nothing here touches data."""

import ast
import fcntl
import hashlib
import shutil
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

REPOSITORY = Path(workflow.basedir).parent


wildcard_constraints:
    experiment=r"[a-z0-9-]+",
    seed=r"\d+",
    table=r"table[1-4]",


def results(path):
    """A path below this configuration's folder."""
    return f"results/{config['name']}/{path}"


def source_digest(*paths):
    """Hash of the syntax trees and data files that a rule runs, so that editing one re-triggers it."""
    digest = hashlib.sha256()
    for path in paths:
        top = REPOSITORY / path
        for file in sorted([top] if top.is_file() else top.rglob("*.*")):
            if file.suffix == ".py":
                digest.update(ast.dump(ast.parse(file.read_text())).encode())
            elif file.suffix in {".sql", ".tsv", ".json"}:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


# A job that outlives a killed workflow would write into the files of the next
# one: ask the kernel to end it with its parent. `exec` makes the job the child.
if shutil.which("setpriv"):
    shell.prefix("exec setpriv --pdeathsig KILL ")


# Snakemake's own lock survives `kill -9` and would refuse the next run, so the
# profile turns it off; this one ends with the process that holds it.
if workflow.is_main_process and not workflow.dryrun:
    Path(results("")).mkdir(parents=True, exist_ok=True)
    running = open(results(".lock"), "w")
    try:
        fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise WorkflowError(
            f"another run of the configuration '{config['name']}' is going on; "
            "wait for it or stop it first"
        )
