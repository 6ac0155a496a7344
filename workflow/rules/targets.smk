"""Tables, and the files that each target is for."""

import functools

FORMS = ["csv", "md", "tex"]


def rows_of(table):
    """Experiments that are a row of a table and can be run, in the registry's order."""
    return [
        name
        for name, entry in INSTALLED.items()
        if table in (entry.get("rows") or {}) and is_possible(name)
    ]


def behind(table):
    """Experiments that a table is made of: its rows, each after those that it starts from."""
    possible = {name: entry for name, entry in INSTALLED.items() if is_possible(name)}
    return needed_for(possible, table)


def made_tables():
    """The tables of the target `tables`: those that the configuration has data for."""
    return [name for name in TABLES if TABLES[name].get("all") and rows_of(name)]


@functools.cache
def needed_first():
    """Experiments that the first table is made of."""
    return set(behind(made_tables()[0])) if made_tables() else set()


def urgency(base):
    """Priority of an experiment's job: above that of others if the first table needs it.

    A reader has that table long before the rest, and the terminal shows it at once.
    """
    return lambda wildcards: base + 2 * (wildcards.experiment in needed_first())


def seeds_of_table(table):
    """The seeds of a table: by the configuration, its own, or those of its data set."""
    told = config["table_seeds"].get(table) or TABLES[table].get("seeds")
    return told or seeds_of(TABLES[table]["data"])


def is_shown(entry):
    """Whether a table of the target `tables` has an entry as a row."""
    return any(TABLES[table].get("all") for table in entry.get("rows") or {})


def analysed():
    """Experiments whose modalities are weighed: those named, or LANISTR's rows of the tables."""
    names = config.get("analysis") or [
        name
        for name, entry in REGISTRY.items()
        if is_shown(entry) and "LANISTR" in entry["rows"].values()
    ]
    return [name for name in names if name in INSTALLED and is_possible(name)]


def forms_of(tables):
    """The files of some tables."""
    return [results(f"tables/{table}.{form}") for table in tables for form in FORMS]


def measured():
    """Every fine-tuning whose data are there, whether or not a table shows it.

    But not what only such tables show as must be asked for.
    """
    return [
        name
        for name, entry in INSTALLED.items()
        if entry["stage"] == "finetune" and is_possible(name)
        if dataset(name) in data_at_hand()
        if is_shown(entry) or not entry.get("rows")
    ]


def files_per_seed(pattern, names):
    """A file of every seed of experiments, by the seeds of their data sets."""
    return [
        results(pattern.format(experiment=name, seed=seed))
        for name in names
        for seed in seeds_of(dataset(name))
    ]


def analysis_files():
    """Those of the analysis, where there is something to analyse."""
    kinds = ("shapley", "removal") if analysed() else ()
    return [
        *(
            results(f"analysis/{kind}.{form}")
            for kind in kinds
            for form in ("csv", "json")
        ),
        *forms_of(["subgroups"] if subgrouped() else []),
    ]


def audit_files():
    """What both audits leave: numbers, and a page of each."""
    names = ("missingness.csv", "missingness.json", "missingness.html", "leakage.json")
    return [results(f"audit/{name}") for name in (*names, "leakage.html")]


TARGETS = {
    "shards": lambda: [manifest_of(data) for data in data_at_hand()],
    "tables": lambda: forms_of(made_tables()),
    "metrics": lambda: files_per_seed(
        "metrics/{experiment}/seed{seed}.json", measured()
    ),
    "audit": audit_files,
    "analysis": analysis_files,
    "report": lambda: [results("report.html"), results("figures/runs")],
    "effects": lambda: [results("control/control.json")],
}


TOLD = {
    "shards": "The data, validated, as Parquet files with a manifest",
    "tables": "The tables that the configuration has data for",
    "metrics": "Metrics of every fine-tuned model, shown by a table or not",
    "audit": "Who has which modalities, and what gives the answer away",
    "analysis": "What each modality brings, and what is lost without it",
    "effects": "What pretraining gains on the control, and what its parts carry, as JSON",
    "report": "One page with everything, and a figure of the training of each experiment",
}


def describe_targets():
    """What `snakemake --list` says of the targets."""
    # Where this is a module of another workflow, rules have other names.
    known = (*TARGETS, *TABLES) if workflow.modifier.is_main_snakefile() else ()
    for target in known:
        told = TOLD.get(target) or TABLES[target]["title"]
        workflow.get_rule(target).docstring = told


def files_of(target):
    """What a target is for; the target of a table may be for more than the table."""
    if target in TARGETS:
        return TARGETS[target]()
    also = TABLES[target].get("also", [])
    return [*forms_of([target]), *(file for other in also for file in files_of(other))]


def made_by(*targets):
    """Input function: the files of some targets."""
    return lambda wildcards: [file for target in targets for file in files_of(target)]
