"""Data sets: downloaded or generated files, and manifests with one row per label."""


rule data:
    """Videos, labels and manifests of all sets."""
    input:
        [LAYOUT.manifest(name) for name in LAYOUT.existing],


rule fetch:
    input:
        key=KEYS.input_function("fetch/{set}"),
        shared=lambda w: LAYOUT.shared_receipts(w.set),
    output:
        receipt="data/{set}/source.json",
    log:
        "logs/fetch/{set}.log",
    localrule: True
    conda:
        "../../envs/video.yaml"
    threads: lambda w: 2 if w.set == LAYOUT.train_set and PARAMS["data"]["demo"] else 1
    resources:
        **RESOURCES["video"],
    params:
        source=subpath(output.receipt, strip_suffix=".json"),
        download=key_path(LAYOUT.scale, RESOLVED_PARAMS).as_posix(),
    shell:
        "vqathinker data fetch {wildcards.set:q} --params {input.key:q} --download {params.download:q}"
        " --workers {threads} --output {params.source:q} --receipt {output.receipt:q} 2> {log:q}"


rule manifest:
    input:
        key=KEYS.input_function("manifest/{set}"),
        receipt="data/{set}/source.json",
    output:
        "data/{set}/manifest.parquet",
    log:
        "logs/manifest/{set}.log",
    conda:
        "../../envs/video.yaml"
    threads: THREADS["video"]
    resources:
        **RESOURCES["video"],
    params:
        source=subpath(input.receipt, strip_suffix=".json"),
    shell:
        "vqathinker data manifest {wildcards.set:q} --params {input.key:q}"
        " --source {params.source:q} --workers {threads} --output {output:q} 2> {log:q}"
