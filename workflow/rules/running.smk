"""One run of a configuration at a time, whose jobs end with it."""

import fcntl
import shutil
from functools import partial
from tempfile import TemporaryFile

from snakemake.logging import logger

from commandline import forkserver
from commandline.disks import tell_disk
from commandline.retries import end_retries
from commandline.shipped import point_to_packages

# Jobs run the Python that runs Snakemake, also where no environment is activated, and the code
# that the workflow is of, also where another is installed.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ["PATH"]]
)
point_to_packages(os.environ)
workflow.deployment_settings.conda_not_block_search_path_envvars = True

# What follows would be for the rules of a workflow that uses this one as a module, too.
if workflow.modifier.is_main_snakefile():
    os.environ["PYTHONSAFEPATH"] = "1"  # nothing that lies in the working folder
    # A job that outlives a killed workflow would write into the files of the next
    # one: ask the kernel to end it with its parent. `exec` makes the job the child.
    if shutil.which("setpriv"):
        shell.prefix("exec setpriv --pdeathsig KILL ")
    logger.addFilter(partial(end_retries, workflow=workflow))
else:
    # Where Snakemake tells the command line of a job, it knows no names of a module.
    workflow.modifier_stack[0].globals.update(
        DEVICE=DEVICE,
        ENGINE=ENGINE,
        LAUNCH=LAUNCH,
        LAUNCH_ONE=LAUNCH_ONE,
        REGISTRY_FILE=REGISTRY_FILE,
    )


if os.path.isdir(results("")) and not os.access(results(""), os.W_OK):
    # Where nothing is to be done, or a report is to be made of what is there, that is no fault.
    print(
        f"warning: {results('')} cannot be written. Where a job is to be done, change that, or name "
        "another folder with --directory.",
        file=sys.stderr,
    )


def refuse_temp_dir():
    """Stop if the folder of temporary files cannot be written; jobs elsewhere find out themselves."""
    folder = config["engine"]["temp_dir"]
    if not folder or workflow.non_local_exec:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        sys.exit(
            f"error: engine.temp_dir: {folder} cannot be written: {error.strerror}. "
            f"Name a folder that can, or null for {results('tmp')}."
        )


def refuse_folder():
    """Stop where Snakemake would run what stands in the name of the working folder.

    Command lines above 64 KB, quotes escaped, become files below it, named between double quotes.
    """
    if {*'"$`\\'}.isdisjoint(os.getcwd()):
        return
    if any(len(job.shellcmd or "") > 16_000 for job in workflow.dag.needrun_jobs()):
        sys.exit(
            f"error: {os.getcwd()}: Snakemake runs what a shell finds in this name where a command "
            'is as long as one of these. Work in a folder without ", $, ` and \\ in its name, or '
            "ask for fewer parts."
        )


# Snakemake's own lock survives `kill -9` and would refuse the next run, so the
# profile turns it off; this one ends with the process that holds it.
RUNNING = []


def start_forkserver():
    """Have trainings forked from one process; a GPU's library allows none, torchrun starts its own.

    Nor can jobs be forked that have an environment of their own.
    """
    own = workflow.deployment_settings.deployment_method
    if config["engine"]["gpus"] or workflow.non_local_exec or own:
        return
    if started := forkserver.start("lanistr.commands.preload"):
        server, LAUNCH[:] = started
        RUNNING.append(server)


def drop_rate_limit():
    """Start jobs of this machine whenever there is room for them.

    With its limit, which is for clusters, Snakemake 9.27 looks for jobs to start every second for
    each job that ended, and takes more of a core the longer it runs (its pull request 3744).
    """
    if not workflow.non_local_exec:
        workflow.scheduler.job_rate_limiter = None


def is_part(file):
    """Whether a file is one of those that a table lies in."""
    return Path(file).name.startswith("part-")


def remove_surplus_parts():
    """Remove what an earlier run with more parts left in the tables that this one writes anew.

    Later steps read all that lies in a table's folder.
    """
    asked = {Path(f) for job in workflow.dag.jobs for f in job.output if is_part(f)}
    anew = {
        Path(f).parent
        for job in workflow.dag.needrun_jobs()
        for f in job.output
        if is_part(f)
    }
    for folder in anew:
        for path in set(folder.glob("part-*")) - asked:
            path.unlink()


onstart:
    show_progress()
    drop_rate_limit()
    refuse_temp_dir()
    refuse_folder()
    refuse_devices()
    try:
        Path(results("")).mkdir(parents=True, exist_ok=True)
        refuse_full_disk()
        refuse_many_labels()
        RUNNING.append(open(results(".lock"), "w", encoding="utf-8"))
    except OSError as error:
        sys.exit(f"error: {tell_disk(error) or error}")
    try:
        fcntl.flock(RUNNING[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(
            f"error: another run of the configuration '{config['name']}' is going on; "
            "wait for it or stop it first."
        )
    except OSError as error:
        print(
            f"warning: the file system of {results('')} has no locks ({error.strerror}), so runs"
            " are not kept apart: start one at a time.",
            file=sys.stderr,
        )
    remove_surplus_parts()
    start_forkserver()
