"""Clips: sampled frames, which are decoded once, and their perturbations."""


rule clips:
    """Sampled frames of all videos, and their perturbations."""
    input:
        LAYOUT.clips(LAYOUT.results),


rule decode:
    input:
        key=KEYS.input_function("decode"),
        receipt="data/{set}/source.json",
        manifest="data/{set}/manifest.parquet",
    output:
        "clips/{set}/{setting}/{shard}.safetensors",
    log:
        "logs/decode/{set}/{setting}/{shard}.log",
    benchmark:
        "logs/benchmark/decode/{set}/{setting}/{shard}.tsv"
    conda:
        "../../envs/video.yaml"
    threads: THREADS["video"]
    resources:
        **RESOURCES["video"],
    params:
        source=subpath(input.receipt, strip_suffix=".json"),
    shell:
        "vqathinker decode --params {input.key:q} --manifest {input.manifest:q} --source {params.source:q}"
        " --setting {wildcards.setting:q} --shard {wildcards.shard:q} --workers {threads} --output {output:q} 2> {log:q}"


rule perturb:
    input:
        key=KEYS.input_function("perturb"),
        manifest="data/{set}/manifest.parquet",
    output:
        "clips/{set}/{setting}/perturbations.parquet",
    log:
        "logs/perturb/{set}/{setting}.log",
    conda:
        "../../envs/video.yaml"
    threads: 1
    resources:
        **RESOURCES["video"],
    shell:
        "vqathinker perturb --params {input.key:q} --manifest {input.manifest:q}"
        " --setting {wildcards.setting:q} --output {output:q} 2> {log:q}"
