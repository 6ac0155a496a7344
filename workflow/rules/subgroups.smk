"""Results by subgroup of the test samples, of the experiments that are analysed."""


def subgrouped():
    """The analysed experiments whose data say what results are told by."""
    return [name for name in analysed() if registration(dataset(name)).subgroups]


def subgroup_data():
    """The data that these experiments are on."""
    return list(dict.fromkeys(map(dataset, subgrouped())))


def subgroup_options():
    """What `lanistr subgroups` is told beside its files."""
    seeds = {name: ",".join(map(str, seeds_of(dataset(name)))) for name in subgrouped()}
    return [
        *each("--experiment", seeds),
        *each("--seeds", [f"{name}:{some}" for name, some in seeds.items()]),
        *each("--manifest", map(manifest_of, subgroup_data())),
        *options(
            registry=config["registry"],
            results=results(""),
            groups=results("interim/subgroups"),
            told=results("audit/subgroups.json"),
            resamples=config["bootstrap"],
        ),
    ]


rule subgroup_members:
    input:
        manifest=lambda wildcards: manifest_of(wildcards.data),
        tables=tables_of,
    output:
        groups=results("interim/subgroups/{data}.parquet"),
    log:
        results("logs/subgroup_members/{data}.log"),
    localrule: True
    params:
        shards=subpath(input.manifest, parent=True),
        source=source_digest("preprocessing.audit.subgroups"),
    message:
        "Telling which subgroups the test samples of {wildcards.data} are of"
    shell:
        "python -m preprocessing subgroups --shards {params.shards:q} --groups {output.groups:q}"
        " > {log:q} 2>&1"


rule subgroups:
    input:
        groups=lambda wildcards: [
            results(f"interim/subgroups/{data}.parquet") for data in subgroup_data()
        ],
        told=results("audit/subgroups.json"),
        manifests=lambda wildcards: list(map(manifest_of, subgroup_data())),
        predictions=lambda wildcards: files_per_seed(
            "predictions/{experiment}/seed{seed}.parquet", subgrouped()
        ),
        metrics=lambda wildcards: files_per_seed(
            "metrics/{experiment}/seed{seed}.json", subgrouped()
        ),
        runs=lambda wildcards: files_per_seed(
            "runs/{experiment}/seed{seed}/experiment.json", subgrouped()
        ),
    output:
        csv=report(
            results("tables/subgroups.csv"),
            caption="../report/subgroups.rst",
            category="Tables",
            labels={"table": "subgroups"},
        ),
        md=results("tables/subgroups.md"),
        tex=results("tables/subgroups.tex"),
    log:
        results("logs/subgroups.log"),
    localrule: True
    params:
        options=lambda wildcards: subgroup_options(),
        source=source_digest("lanistr.evaluation.subgroup_table"),
    message:
        "Telling results by subgroup"
    shell:
        "python -m lanistr subgroups {params.options:q} --csv {output.csv:q} --md {output.md:q}"
        " --tex {output.tex:q} > {log:q} 2>&1"
