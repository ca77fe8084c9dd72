"""Questions beside the score: asking without the right answers, then measuring with them."""


rule understanding:
    """How well questions beside the score are answered."""
    input:
        LAYOUT.understood(LAYOUT.results),


rule ask:
    input:
        stamp=LAYOUT.stamp("understanding"),
        policy=lambda w: LAYOUT.policy(w.run),
        receipt=lambda w: LAYOUT.receipt(LAYOUT.task_set(w.task)),
        clips=lambda w: LAYOUT.shards(LAYOUT.task_set(w.task), w.run),
    output:
        f"{LAYOUT.understanding}/answers/{{run}}/{{task}}.parquet",
    log:
        f"logs/ask/{LAYOUT.scale}/{{run}}/{{task}}.log",
        times=f"logs/ask/{LAYOUT.scale}/{{run}}/{{task}}.times.csv",
    benchmark:
        f"logs/benchmark/ask/{LAYOUT.scale}/{{run}}/{{task}}.tsv"
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["predict"]
    resources:
        **RESOURCES["predict"],
    params:
        questions=lambda w: LAYOUT.questions(w.task),
    shell:
        "vqathinker understanding ask {wildcards.task} --params {input.stamp} --policy {input.policy}"
        " --run {wildcards.run} --questions {params.questions}"
        " --clips {input.clips} --out {output} --times {log.times}"
        " --gpus {resources.gpu} 2> {log[0]}"


rule judge:
    input:
        stamp=LAYOUT.stamp("judging"),
        receipt=lambda w: LAYOUT.receipt(LAYOUT.task_set(w.task)),
        answers=f"{LAYOUT.understanding}/answers/{{run}}/{{task}}.parquet",
    output:
        f"{LAYOUT.understanding}/judged/{{run}}/{{task}}.jsonl",
    log:
        f"logs/judge/{LAYOUT.scale}/{{run}}/{{task}}.log",
    localrule: True
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["report"]
    resources:
        **RESOURCES["report"],
    params:
        questions=lambda w: LAYOUT.questions(w.task),
    shell:
        "vqathinker understanding judge {wildcards.task} --params {input.stamp}"
        " --questions {params.questions} --answers {input.answers} --out {output} 2> {log}"


rule measure:
    input:
        stamp=LAYOUT.stamp("judging"),
        receipt=lambda w: LAYOUT.receipt(LAYOUT.task_set(w.task)),
        answers=f"{LAYOUT.understanding}/answers/{{run}}/{{task}}.parquet",
        judged=lambda w: LAYOUT.judged(w.run, w.task),
    output:
        f"{LAYOUT.understanding}/measures/{{run}}/{{task}}.json",
    log:
        f"logs/measure/{LAYOUT.scale}/{{run}}/{{task}}.log",
    conda:
        "../../envs/policy.yaml"
    threads: THREADS["report"]
    resources:
        **RESOURCES["report"],
    params:
        questions=lambda w: LAYOUT.questions(w.task),
        judged=lambda w, input: ["--judged", *input.judged] if input.judged else [],
    shell:
        "vqathinker understanding measure {wildcards.task} --params {input.stamp}"
        " --questions {params.questions} --answers {input.answers} {params.judged} --out {output} 2> {log}"
