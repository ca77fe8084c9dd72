"""Temporal preference: clips against perturbed copies of them, without labels."""


rule perturbed:
    input:
        stamp=LAYOUT.stamp("perturbed"),
        policy=lambda w: LAYOUT.policy(w.run),
        manifest="data/{benchmark}/manifest.parquet",
        clips=lambda w: f"clips/{w.benchmark}/{LAYOUT.setting(w.benchmark, w.run)}/{w.shard}.safetensors",
    output:
        f"{LAYOUT.predicted}/{{run}}/{{benchmark}}/perturbed/{{shard}}.parquet",
    log:
        f"logs/perturbed/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.log",
        times=f"logs/perturbed/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.times.csv",
    benchmark:
        f"logs/benchmark/perturbed/{LAYOUT.scale}/{{run}}/{{benchmark}}/{{shard}}.tsv"
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["predict"]
    resources:
        **RESOURCES["predict"],
    shell:
        "vqathinker perturbed --params {input.stamp} --policy {input.policy}"
        " --run {wildcards.run} --benchmark {wildcards.benchmark} --manifest {input.manifest}"
        " --clips {input.clips} --out {output} --times {log.times}"
        " --gpus {resources.gpu} 2> {log[0]}"


rule gather_perturbed:
    input:
        lambda w: LAYOUT.shard_perturbed(w.run, w.benchmark),
    output:
        f"{LAYOUT.results}/perturbed/{{run}}/{{benchmark}}.parquet",
    log:
        f"logs/gather_perturbed/{LAYOUT.scale}/{{run}}/{{benchmark}}.log",
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["report"]
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker gather --predictions {input} --out {output} 2> {log}"


rule preference:
    input:
        stamp=LAYOUT.stamp("metrics"),
        perturbed=f"{LAYOUT.results}/perturbed/{{run}}/{{benchmark}}.parquet",
        manifest="data/{benchmark}/manifest.parquet",
    output:
        f"{LAYOUT.results}/preference/{{run}}/{{benchmark}}.json",
    log:
        f"logs/preference/{LAYOUT.scale}/{{run}}/{{benchmark}}.log",
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["report"]
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker preference --params {input.stamp} --manifest {input.manifest}"
        " --perturbed {input.perturbed} --out {output} 2> {log}"
