"""Temporal preference: how often clips score above their perturbed copies, without labels."""


rule predict_perturbed:
    input:
        key=KEYS.input_function("predict_perturbed"),
        policy=lambda w: LAYOUT.policy(w.run),
        manifest="data/{benchmark}/manifest.parquet",
        clips=lambda w: LAYOUT.shard(w.benchmark, w.run, w.shard),
    output:
        f"{LAYOUT.shard_folder}/{{run}}/{{benchmark}}/perturbed/{{shard}}.parquet",
    log:
        f"logs/predict_perturbed/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.log",
        times=f"logs/predict_perturbed/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.times.csv",
    benchmark:
        f"logs/benchmark/predict_perturbed/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["predict"]
    resources:
        **RESOURCES["predict"],
    shell:
        "vqathinker predict-perturbed --params {input.key:q} --policy {input.policy:q}"
        " --run {wildcards.run:q} --benchmark {wildcards.benchmark:q} --manifest {input.manifest:q}"
        " --clips {input.clips:q} --output {output:q} --times {log.times:q}"
        " --gpus {resources.gpu} 2> {log[0]:q}"


use rule merge_predictions as merge_perturbed with:
    input:
        lambda w: LAYOUT.shard_predictions(w.run, w.benchmark, "perturbed"),
    output:
        f"{LAYOUT.results}/perturbed/{{run}}/{{benchmark}}.parquet",
    log:
        f"logs/merge_perturbed/{LAYOUT.scale}/{{run}}/{{benchmark}}.log",


rule preference:
    input:
        key=KEYS.input_function("preference"),
        perturbed=f"{LAYOUT.results}/perturbed/{{run}}/{{benchmark}}.parquet",
        manifest="data/{benchmark}/manifest.parquet",
    output:
        f"{LAYOUT.results}/preference/{{run}}/{{benchmark}}.json",
    log:
        f"logs/preference/{LAYOUT.scale}/{{run}}/{{benchmark}}.log",
    conda:
        "../../envs/policy.yaml"
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker preference --params {input.key:q} --manifest {input.manifest:q}"
        " --perturbed {input.perturbed:q} --output {output:q} 2> {log:q}"
