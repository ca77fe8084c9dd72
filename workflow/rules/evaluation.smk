"""Predictions, which use no label, and metrics, which compare them with the MOS."""


rule predictions:
    """Predictions of all main runs on all benchmarks."""
    input:
        LAYOUT.predictions(LAYOUT.results),


rule evaluation:
    """Metrics on all benchmarks, and temporal preference."""
    input:
        LAYOUT.metrics(LAYOUT.results),
        LAYOUT.preferences(LAYOUT.results),


rule predict:
    input:
        key=KEYS.input_function("predict"),
        policy=lambda w: LAYOUT.policy(w.run),
        clips=lambda w: LAYOUT.shard(w.benchmark, w.run, w.shard),
    output:
        f"{LAYOUT.shard_folder}/{{run}}/{{benchmark}}/{{shard}}.parquet",
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
        "vqathinker predict --params {input.key:q} --policy {input.policy:q} --run {wildcards.run:q}"
        " --benchmark {wildcards.benchmark:q} --clips {input.clips:q} --output {output:q}"
        " --times {log.times:q} --gpus {resources.gpu} 2> {log[0]:q}"


rule merge_predictions:
    input:
        lambda w: LAYOUT.shard_predictions(w.run, w.benchmark),
    output:
        f"{LAYOUT.results}/predictions/{{run}}/{{benchmark}}.parquet",
    log:
        f"logs/merge_predictions/{LAYOUT.scale}/{{run}}/{{benchmark}}.log",
    conda:
        "../../envs/policy.yaml"
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker merge-predictions --predictions {input:q} --output {output:q} 2> {log:q}"


rule metrics:
    input:
        key=KEYS.input_function("metrics"),
        predictions=f"{LAYOUT.results}/predictions/{{run}}/{{benchmark}}.parquet",
        manifest="data/{benchmark}/manifest.parquet",
        clips=lambda w: LAYOUT.shards(w.benchmark, w.run),
    output:
        f"{LAYOUT.results}/metrics/{{run}}/{{benchmark}}.json",
    log:
        f"logs/metrics/{LAYOUT.scale}/{{run}}/{{benchmark}}.log",
    conda:
        "../../envs/policy.yaml"
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker metrics --params {input.key:q} --manifest {input.manifest:q}"
        " --predictions {input.predictions:q} --clips {input.clips:q} --output {output:q} 2> {log:q}"


rule skip_missing:
    input:
        key=lambda w: KEYS[f"skip_missing/{w.pair.split('/')[1]}"],
    output:
        f"{LAYOUT.results}/metrics/{{pair}}.json",
    log:
        f"logs/skip_missing/{LAYOUT.scale}/{{pair}}.log",
    wildcard_constraints:
        pair="|".join(re.escape("/".join(pair)) for pair in LAYOUT.missing_pairs)
        or "(?!)",
    localrule: True
    conda:
        "../../envs/policy.yaml"
    resources:
        **RESOURCES["report"],
    params:
        run_and_benchmark=lambda w: w.pair.split("/"),
        missing=lambda w: LAYOUT.missing_for(*w.pair.split("/")),
    shell:
        "vqathinker skip-missing {params.run_and_benchmark:q} --missing {params.missing:q}"
        " --params {input.key:q} --output {output:q} 2> {log:q}"


ruleorder: skip_missing > metrics
