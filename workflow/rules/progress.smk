"""What the terminal shows of a run, and says at its end."""

import collections
import time

from commandline.progress import Progress, is_wanted, narrow, told_time

PROGRESS = []


def show_progress():
    """A line per finished job in the terminal; asked for more or less, as Snakemake has it."""
    told = workflow.output_settings
    if told.verbose or {"PROGRESS", "ALL"} & {each.name for each in told.quiet or ()}:
        return
    rules = [job.rule.name for job in workflow.dag.needrun_jobs()]
    early = {first_table(): tell_table} if first_table() else {}
    PROGRESS.append(Progress(collections.Counter(rules), early))
    logger = workflow.logger_manager.logger
    for handler in logger.handlers:
        if handler not in workflow.logger_manager.logfile_handlers:
            handler.addFilter(is_wanted)
    logger.addHandler(PROGRESS[0])


def asked_files():
    """The files that the targets need, whether or not they are there."""
    return {file for job in workflow.dag.jobs for file in job.output}


def first_table():
    """The first of the tables that were asked for, its Markdown; None without one."""
    tables, asked = [results(f"tables/{table}.md") for table in TABLES], asked_files()
    return next((file for file in tables if file in asked), None)


def tell_table():
    """The first table, in columns for a terminal."""
    title = TABLES[Path(first_table()).stem]["title"]
    text = Path(first_table()).read_text(encoding="utf-8")
    columns = ["Method", "Ours", "95 % interval", "Paper"]
    print(f"\n{title}\n\n{narrow(text, columns)}\n", flush=True)


def tell_results():
    """The first table that was asked for, where the report is, and how long all took."""
    if first_table():
        tell_table()
    if results("report.html") in asked_files():
        print(f"The report: {results('report.html')}")
    print(f"Done in {told_time(time.monotonic() - PROGRESS[0].started)}.")


def tell_failures():
    """What failed, why, and the command that repeats it."""
    dag = workflow.dag
    waiting = [job for job in dag.needrun_jobs() if not dag.finished(job)]
    told = workflow.config_settings
    options = [
        *(
            ["--configfile", *map(os.path.relpath, told.configfiles)]
            if told.configfiles
            else []
        ),
        *(["--config", *told.config_args] if told.config_args else []),
    ]
    print("", *PROGRESS[0].told_failures(options), sep="\n", file=sys.stderr)
    print(
        f"{len(waiting)} of {PROGRESS[0].total} jobs are not done; the same command goes on with them.",
        file=sys.stderr,
    )
    if is_full(results("")):
        print(
            f"{results('')} has {told_bytes(bytes_free())} free. Of what is left, weights, states and "
            f"caches take {told_bytes(sum(bytes_needed(waiting).values()))} at least.",
            file=sys.stderr,
        )


onsuccess:
    if PROGRESS:
        tell_results()
