"""Whether the disk holds what is planned, told before the first job.

The rule: only what is certain counts. Weights of every planned training of a model that is made of
the recipe's Transformers, each of them a float32; of the largest the state from which it would go
on, which holds weights twice; pictures and series of caches whose shards are there. What stands in
their places goes first, and is free. So a run that is refused would have ended on a full disk, and
one that is not refused may: `lanistr cost` estimates all that trainings take.
"""

import shutil

from commandline.disks import is_full, told_bytes

WEIGHT_BYTES = 4


def weights_bytes(experiment):
    """The least that the weights of a trained model take."""
    made = resolved(experiment)
    method = methods()[made.method]
    if not method.build or method.settings:  # sizes of its own
        return 0
    sizes = matrices(made)
    if made.fusion.kind != "transformer":
        sizes.pop(None)
    return WEIGHT_BYTES * sum(sizes.values())


def cache_bytes(data):
    """The pixels and series of a cache, if its shards are there and stay."""
    manifest = manifest_of(data)
    if not os.path.isfile(manifest) or manifest in planned_files():
        return 0
    try:
        return least_cache_bytes(read_manifest(Path(manifest)))
    except LanistrError:  # an earlier version's: it is made again
        return 0


def planned_files():
    """The files that the planned jobs make."""
    return {str(file) for job in workflow.dag.needrun_jobs() for file in job.output}


def bytes_there(path):
    """What a file or a folder takes now."""
    files = Path(path).rglob("*") if os.path.isdir(path) else [Path(path)]
    return sum(file.stat().st_size for file in files if file.is_file())


def bytes_needed(jobs):
    """What jobs leave at least, by kind, less what it replaces."""
    trained = [job for job in jobs if job.rule.name in ("pretrain", "finetune")]
    cached = [job for job in jobs if job.rule.name == "cache"]
    weights = [weights_bytes(job.wildcards.experiment) for job in trained]
    replaced = (
        bytes_there(file)
        for file in (
            *(job.output.checkpoint for job in trained),
            *(job.output.folder for job in cached),
        )
    )
    return {
        f"weights of {len(trained)} runs": sum(weights),
        "state of the largest while it trains": 2 * max(weights, default=0),
        f"{len(cached)} caches": sum(cache_bytes(job.wildcards.data) for job in cached),
        "what is there already and is replaced": -sum(replaced),
    }


def bytes_free():
    """What the disk of the results has left."""
    return shutil.disk_usage(results("")).free


def refuse_full_disk():
    """Stop before the first job if what it is certain to leave does not fit."""
    needed = bytes_needed(list(workflow.dag.needrun_jobs()))
    if sum(needed.values()) > (free := bytes_free()):
        told = "; ".join(
            f"{name} {told_bytes(size)}" for name, size in needed.items() if size
        )
        sys.exit(
            f"error: the disk of {results('')} has {told_bytes(free)} free, and what is planned takes "
            f"{told_bytes(sum(needed.values()))} at least: {told}. Make room, or let results be a "
            "link to a folder on another disk. `lanistr cost` estimates the whole."
        )
