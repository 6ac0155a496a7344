"""GPUs and memory: how many a job gets, and whether they are there before the first one starts."""

from commandline.devices import find_gpus, find_memory

ENGINE = config["engine"]
# Numbers in a model's matrices above which a core needs a second or more for each sample.
WANTS_GPU = 20_000_000
# Of a trained weight: itself, its gradient and Adam's two means, in float32.
TRAINED_BYTES = 16
# Whether jobs run elsewhere: by their number, as Snakemake does not tell the executor yet.
ELSEWHERE = workflow.resource_settings.nodes is not None


def refuse_auto():
    """Stop where jobs run elsewhere: what this machine has says nothing about theirs."""
    if ELSEWHERE:
        sys.exit(
            "error: engine.gpus: auto takes the GPUs of this machine, and jobs run on others. "
            "Set it to the number that a training gets, or to 0 for CPUs."
        )


GPUS_THERE = find_gpus() if ENGINE["gpus"] else []
if ENGINE["gpus"] == "auto":
    refuse_auto()
    ENGINE["gpus"] = len(GPUS_THERE)
if ENGINE["gpus"] and not ELSEWHERE:
    # Jobs that together ask for more than there is run one after the other.
    workflow.global_resources.setdefault("gpu", len(GPUS_THERE))
# Of a training: one for each GPU, or one on the CPU of each node.
PROCESSES = ENGINE["nodes"] * max(ENGINE["gpus"], 1)


def launched(gpus):
    """The start of a command line: Python on GPUs of its own, with a process for each of several."""
    own = ["python", "-m", "commandline.devices", "--gpus", str(gpus), "--"]
    many = ["torchrun", "--standalone", "--nproc-per-node", str(gpus)]
    return [*(own if gpus else []), *(many if gpus > 1 else ["python"]), "-m"]


def launched_on_nodes():
    """The same over the nodes of a Slurm job: a task for each process.

    The numbers are told again, as a job does not see those that Slurm was asked for.
    """
    told = {
        "nodes": ENGINE["nodes"],
        "ntasks": PROCESSES,
        "cpus-per-task": ENGINE["train_threads"],
        **({"gpus-per-task": 1} if ENGINE["gpus"] else {}),
        "kill-on-bad-exit": 1,
    }
    tasks = ["srun", *(f"--{name}={number}" for name, number in told.items())]
    return [*tasks, "python", "-m"]


# How a training starts. Not a param, as the machine does not change the result.
LAUNCH = launched(ENGINE["gpus"]) if ENGINE["nodes"] == 1 else launched_on_nodes()
# Steps that are one process.
LAUNCH_ONE = LAUNCH if PROCESSES == 1 else launched(min(ENGINE["gpus"], 1))
DEVICE = "cuda" if ENGINE["gpus"] else "cpu"
# In the terms of the Slurm plugin, for which GPUs may lie on several nodes unless it is told.
TRAIN_DEVICES, TRAIN_SHARE = {
    "gpu": ENGINE["gpus"],
    "nodes": ENGINE["nodes"],
}, PROCESSES
if ENGINE["nodes"] > 1:  # the job starts its own tasks, each with its own cores
    TRAIN_DEVICES |= {"mpi": "srun", "tasks": PROCESSES}
    TRAIN_SHARE = 1
    if ENGINE["gpus"]:
        TRAIN_DEVICES |= {"gpu": PROCESSES, "tasks_per_gpu": 1}
TRAIN_THREADS = ENGINE["train_threads"] * TRAIN_SHARE


def limit_of_step(wildcards, attempt):
    """What a step of preprocessing may take, and is told; more in each attempt."""
    return attempt * ENGINE["memory_mb"]


def memory_of_step(wildcards, attempt):
    """What a step asks a cluster for: a tenth above its limit, and Snakemake beside it."""
    return limit_of_step(wildcards, attempt) * 11 // 10 + 500


def memory_of_training(wildcards, attempt):
    """What a training asks a cluster for, on each node."""
    return attempt * ENGINE["train_memory_mb"]


def planned(*rules):
    """The experiments that jobs of some rules are about to compute, once each."""
    names = [
        job.wildcards.experiment
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in rules
    ]
    return list(map(resolved, dict.fromkeys(names)))


def matrices(experiment):
    """Numbers in the matrices of a model's Transformers, by modality; None = those that fuse."""
    sizes = {m: getattr(experiment.encoders, m) for m in experiment.modalities}
    sizes = {None: experiment.fusion, **sizes}
    return {
        part: made.layers * (4 * made.hidden**2 + 2 * made.hidden * made.intermediate)
        for part, made in sizes.items()
        if part != "tabular"
    }


def gpu_megabytes(experiment):
    """What the matrices of a model take in training at least; activations come on top."""
    bytes_of = lambda part: 4 if part in experiment.frozen else TRAINED_BYTES
    return sum(n * bytes_of(part) for part, n in matrices(experiment).items()) / 1e6


def device_problems():
    """What the machine lacks of what the configuration asks for, a line each."""
    asked, here = ENGINE["gpus"], not workflow.non_local_exec
    trained = planned("pretrain", "finetune")
    computed = planned("pretrain", "finetune", "presence")
    if here and ENGINE["memory_mb"] > (memory := find_memory()):
        yield (
            f"engine.memory_mb gives a step {ENGINE['memory_mb']:,} MB, and there are {memory:,}. "
            "Lower it: steps that need more write to engine.temp_dir, or say so."
        )
    if here and computed and asked > len(GPUS_THERE):
        yield (
            f"engine.gpus asks for {asked} GPUs for each training, and nvidia-smi finds "
            f"{len(GPUS_THERE)} here. Set it to what there is, to auto, or to 0 for CPUs; "
            "docs/cluster.md says how jobs are sent to where GPUs are."
        )
    if here and trained and ENGINE["nodes"] > 1:
        yield (
            f"engine.nodes is {ENGINE['nodes']}, and jobs run on this machine alone. Set it to 1, "
            "or give --workflow-profile workflow/profiles/slurm."
        )
    yield from find_unfit(trained)
    if not asked:
        yield from find_slow(computed)


def find_slow(experiments):
    """The models that a CPU would take too long for, unless that is wanted."""
    if ENGINE["train_on_cpu"]:
        return
    slow = [
        made.name
        for made in experiments
        if methods()[made.method].build or methods()[made.method].library
        if sum(matrices(made).values()) > WANTS_GPU
    ]
    if slow:
        yield (
            f"{len(slow)} models want a GPU, {slow[0]} among them: their Transformers have more "
            f"than {WANTS_GPU:,} weights, which take a core seconds for each sample. Set "
            "engine.gpus to how many there are, or confirm with engine.train_on_cpu: true that "
            "CPUs shall train them."
        )


def find_unfit(experiments):
    """The models that do not fit the GPUs: weights into the memory, the batch to the processes."""
    sizes = [gpu.memory_mb for gpu in GPUS_THERE if gpu.memory_mb]
    for made in experiments:
        if sizes and (need := gpu_megabytes(made)) > min(sizes):
            yield (
                f"{made.name}: its weights alone take {need:,.0f} MB in training, and a GPU here "
                f"has {min(sizes):,}. Choose smaller encoders, or a GPU with more memory."
            )
        pieces = made.optim.accumulate * PROCESSES
        if methods()[made.method].build and made.optim.batch_size % pieces:
            yield (
                f"{made.name}: optim.batch_size is {made.optim.batch_size}, which "
                f"{PROCESSES} processes with optim.accumulate {made.optim.accumulate} cannot "
                f"share evenly. Choose a multiple of {pieces}, or another engine.gpus."
            )


def refuse_devices():
    """Stop before the first job if the machine lacks what it asks for; one message for all."""
    if lines := [f"  {line}\n" for line in device_problems()]:
        sys.exit(
            "error: the machine is not what the configuration asks for:\n"
            + "".join(lines)
            + "config/README.md explains the keys."
        )
