"""Policies: base policies, training, and export."""


rule bases:
    """Policies that training starts from."""
    input:
        LAYOUT.base_policies(LAYOUT.results),


rule policies:
    """Policies of all main runs."""
    input:
        LAYOUT.policies(LAYOUT.results),


rule base:
    input:
        key=KEYS.input_function("base/{name}"),
        receipts=lambda w: LAYOUT.base_files(w.name, "source.json"),
        clips=lambda w: LAYOUT.base_clips(w.name),
    output:
        directory("models/base/{name}"),
    log:
        "logs/base/{name}.log",
    benchmark:
        "logs/benchmark/base/{name}.tsv"
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["base"]
    resources:
        **RESOURCES["base"],
    params:
        degradations=lambda w: LAYOUT.base_files(w.name, "source/degradations.csv"),
    shell:
        "vqathinker base --params {input.key:q} --clips {input.clips:q}"
        " --degradations {params.degradations:q} --output {output:q} 2> {log:q}"


rule train:
    input:
        key=KEYS.input_function("train/{run}"),
        policy=lambda w: LAYOUT.base_policy(w.run),
        manifest=LAYOUT.manifest(LAYOUT.train_set),
        clips=lambda w: LAYOUT.shards(LAYOUT.train_set, w.run),
        perturbations=lambda w: LAYOUT.perturbations(w.run),
    output:
        history=LAYOUT.history("{run}"),
    log:
        f"logs/train/{LAYOUT.scale}/{{run}}.log",
        times=f"logs/train/{LAYOUT.scale}/{{run}}.times.csv",
    benchmark:
        f"logs/benchmark/train/{LAYOUT.scale}/{{run}}.tsv"
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["train"]
    resources:
        **RESOURCES["train"],
    params:
        out=subpath(output.history, parent=True),
    shell:
        "vqathinker train {wildcards.run:q} --params {input.key:q} --policy {input.policy:q}"
        " --manifest {input.manifest:q} --clips {input.clips:q} --perturbations {input.perturbations:q}"
        " --output {params.out:q} --times {log.times:q} --gpus {resources.gpu} 2> {log[0]:q}"


rule export:
    input:
        key=KEYS.input_function("export/{run}"),
        history=LAYOUT.history("{run}"),
    output:
        directory(f"models/{LAYOUT.scale}/{{run}}/policy"),
    log:
        f"logs/export/{LAYOUT.scale}/{{run}}.log",
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["predict"]
    resources:
        **RESOURCES["predict"],
    params:
        run_folder=subpath(input.history, parent=True),
    shell:
        "vqathinker export {wildcards.run:q} --params {input.key:q}"
        " --from {params.run_folder:q} --output {output:q} 2> {log:q}"
