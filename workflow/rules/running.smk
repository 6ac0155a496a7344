"""One run of a configuration at a time, whose jobs end with it."""

import fcntl
import shutil

# A job that outlives a killed workflow would write into the files of the next
# one: ask the kernel to end it with its parent. `exec` makes the job the child.
if shutil.which("setpriv"):
    shell.prefix("exec setpriv --pdeathsig KILL ")


# Snakemake's own lock survives `kill -9` and would refuse the next run, so the
# profile turns it off; this one ends with the process that holds it.
RUNNING = []


onstart:
    Path(results("")).mkdir(parents=True, exist_ok=True)
    RUNNING.append(open(results(".lock"), "w", encoding="utf-8"))
    try:
        fcntl.flock(RUNNING[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(
            f"error: another run of the configuration '{config['name']}' is going on; "
            "wait for it or stop it first."
        )
