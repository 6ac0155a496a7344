"""Both audits of what the configuration has: who has which modalities, and what leaks.

What of them and of results by subgroup may leave is decided here, at once.
"""


def beside_shards(wildcards):
    """Input function: what the missingness audit reads beside the shards, of every data set."""
    return [
        file for family in families() for file in REGISTERED[family].audit(wildcards)
    ]


def audits_digest(wildcards):
    own = (f"preprocessing.datasets.{family}.missingness" for family in families())
    return source_digest("preprocessing.audit.publish", *own)


rule audits:
    input:
        manifests=lambda wildcards: [manifest_of(family) for family in families()],
        tables=lambda wildcards: [
            file for data in data_at_hand() for file in registration(data).tables(data)
        ],
        others=beside_shards,
        gates=lambda wildcards: list(dict.fromkeys(map(gate_of, data_at_hand()))),
        vocabularies=lambda wildcards: list(map(vocabulary_gate_of, data_at_hand())),
    output:
        csv=results("audit/missingness.csv"),
        json=results("audit/missingness.json"),
        leakage=results("audit/leakage.json"),
        subgroups=results("audit/subgroups.json"),
    log:
        results("logs/audits.log"),
    benchmark:
        results("benchmarks/audits.tsv")
    threads: ENGINE["threads"]
    resources:
        mem_mb=memory_of_step,
        limit_mb=limit_of_step,
        tmpdir=ENGINE["temp_dir"] or results("tmp"),
    params:
        shards=lambda wildcards, input: each(
            "--shards", [Path(manifest).parent for manifest in input.manifests]
        ),
        gates=lambda wildcards, input: each("--gates", input.gates),
        vocabularies=lambda wildcards, input: each("--vocabulary", input.vocabularies),
        acknowledged=each("--acknowledge", config["leakage"]["acknowledge"]),
        options=lambda wildcards: [
            word for family in families() for word in REGISTERED[family].audit_options
        ],
        ledgers=results("ledger"),
        raw_contents=contents(beside_shards),
        source=audits_digest,
    message:
        "Counting who has which modalities, and deciding which counts may leave"
    shell:
        "python -m preprocessing publish-audits {params.shards:q} {params.options:q}"
        " {params.gates:q} {params.vocabularies:q} {params.acknowledged:q}"
        " --ledgers {params.ledgers:q}"
        " --memory-limit {resources.limit_mb:q}MB --temp-dir {resources.tmpdir:q} --threads {threads:q}"
        " --output-csv {output.csv:q} --output-json {output.json:q}"
        " --output-leakage {output.leakage:q} --output-subgroups {output.subgroups:q}"
        " > {log:q} 2>&1"


rule missingness_page:
    input:
        audit=rules.audits.output.json,
    output:
        html=report(
            results("audit/missingness.html"),
            caption="../report/missingness.rst",
            category="Audits",
        ),
    log:
        results("logs/missingness_page.log"),
    localrule: True
    params:
        source=source_digest("lanistr.report.missingness"),
    message:
        "Writing the page of the missingness audit"
    shell:
        "python -m lanistr missingness-page --audit {input.audit:q} --output {output.html:q}"
        " > {log:q} 2>&1"


rule leakage_page:
    input:
        audit=rules.audits.output.leakage,
    output:
        html=report(
            results("audit/leakage.html"),
            caption="../report/leakage.rst",
            category="Audits",
        ),
    log:
        results("logs/leakage_page.log"),
    localrule: True
    params:
        source=source_digest("lanistr.report.leakage"),
    message:
        "Writing the page of the leakage audit"
    shell:
        "python -m lanistr leakage-page --audit {input.audit:q} --output {output.html:q}"
        " > {log:q} 2>&1"
