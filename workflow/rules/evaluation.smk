"""Predictions without labels, and the one rule that compares them with test MOS."""


rule predictions:
    """What every policy says about every benchmark."""
    input:
        LAYOUT.predictions(LAYOUT.results),


rule evaluation:
    """Metrics on every benchmark, and temporal preference."""
    input:
        LAYOUT.metrics(LAYOUT.results),
        LAYOUT.preferences(LAYOUT.results),


rule predict:
    input:
        stamp=LAYOUT.stamp("evaluation"),
        policy=lambda w: LAYOUT.policy(w.run),
        clips=lambda w: f"clips/{w.benchmark}/{LAYOUT.setting(w.benchmark, w.run)}/{w.shard}.safetensors",
    output:
        f"{LAYOUT.predicted}/{{run}}/{{benchmark}}/{{shard}}.parquet",
    log:
        f"logs/predict/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.log",
        times=f"logs/predict/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.times.csv",
    benchmark:
        f"logs/benchmark/predict/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["predict"]
    resources:
        **RESOURCES["predict"],
    shell:
        "vqathinker predict --params {input.stamp} --policy {input.policy}"
        " --run {wildcards.run} --benchmark {wildcards.benchmark}"
        " --clips {input.clips} --out {output} --times {log.times}"
        " --gpus {resources.gpu} 2> {log[0]}"


rule gather:
    input:
        lambda w: LAYOUT.shard_predictions(w.run, w.benchmark),
    output:
        f"{LAYOUT.results}/predictions/{{run}}/{{benchmark}}.parquet",
    log:
        f"logs/gather/{LAYOUT.scale}/{{run}}/{{benchmark}}.log",
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["report"]
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker gather --predictions {input} --out {output} 2> {log}"


rule metrics:
    input:
        stamp=LAYOUT.stamp("metrics"),
        predictions=f"{LAYOUT.results}/predictions/{{run}}/{{benchmark}}.parquet",
        manifest="data/{benchmark}/manifest.parquet",
        clips=lambda w: LAYOUT.shards(w.benchmark, w.run),
    output:
        f"{LAYOUT.results}/metrics/{{run}}/{{benchmark}}.json",
    log:
        f"logs/metrics/{LAYOUT.scale}/{{run}}/{{benchmark}}.log",
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["report"]
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker metrics --params {input.stamp} --manifest {input.manifest}"
        " --predictions {input.predictions}"
        " --clips {input.clips} --out {output} 2> {log}"


rule absent:
    input:
        stamp=LAYOUT.stamp("absent"),
    output:
        f"{LAYOUT.results}/metrics/{{pair}}.json",
    log:
        f"logs/absent/{LAYOUT.scale}/{{pair}}.log",
    wildcard_constraints:
        pair="|".join(re.escape("/".join(pair)) for pair in LAYOUT.absent_pairs)
        or "(?!)",
    localrule: True
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["report"]
    resources:
        **RESOURCES["report"],
    params:
        of=lambda w: w.pair.split("/"),
        lacking=lambda w: LAYOUT.lacking(*w.pair.split("/")),
    shell:
        "vqathinker absent {params.of} --lacking {params.lacking}"
        " --params {input.stamp} --out {output} 2> {log}"


ruleorder: absent > metrics
