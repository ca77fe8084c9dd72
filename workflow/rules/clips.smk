"""Clips: sampled frames, decoded once, and the perturbations drawn for them."""


rule clips:
    """Sampled frames of every video, and the perturbations drawn for them."""
    input:
        LAYOUT.clips(LAYOUT.results),


rule decode:
    input:
        stamp=LAYOUT.stamp("clips"),
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
        "vqathinker decode --params {input.stamp} --manifest {input.manifest} --source {params.source}"
        " --setting {wildcards.setting} --shard {wildcards.shard} --workers {threads} --out {output} 2> {log}"


rule perturb:
    input:
        stamp=LAYOUT.stamp("clips"),
        manifest="data/{set}/manifest.parquet",
    output:
        "clips/{set}/{setting}/perturbations.parquet",
    log:
        "logs/perturb/{set}/{setting}.log",
    conda:
        "../../envs/video.yaml"
    threads: THREADS["video"]
    resources:
        **RESOURCES["video"],
    shell:
        "vqathinker perturb --params {input.stamp} --manifest {input.manifest}"
        " --setting {wildcards.setting} --out {output} 2> {log}"
