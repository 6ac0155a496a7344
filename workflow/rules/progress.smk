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
    PROGRESS.append(Progress(collections.Counter(rules)))
    logger = workflow.logger_manager.logger
    for handler in logger.handlers:
        if handler not in workflow.logger_manager.logfile_handlers:
            handler.addFilter(is_wanted)
    logger.addHandler(PROGRESS[0])


def tell_results():
    """The first table that was asked for, where the report is, and how long all took."""
    asked = [file for job in workflow.dag.jobs for file in job.output]
    tables = [results(f"tables/{table}.md") for table in TABLES]
    for table in [file for file in tables if file in asked][:1]:
        text = Path(table).read_text(encoding="utf-8")
        columns = ["Method", "Ours", "95 % interval", "Paper"]
        print(f"\n{TABLES[Path(table).stem]['title']}\n\n{narrow(text, columns)}\n")
    if results("report.html") in asked:
        print(f"The report: {results('report.html')}")
    print(f"Done in {told_time(time.monotonic() - PROGRESS[0].started)}.")


def tell_failures():
    """What failed, why, and the command that repeats it."""
    waiting = sum(not workflow.dag.finished(job) for job in workflow.dag.needrun_jobs())
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
        f"{waiting} of {PROGRESS[0].total} jobs are not done; the same command goes on with them.",
        file=sys.stderr,
    )


onsuccess:
    if PROGRESS:
        tell_results()
