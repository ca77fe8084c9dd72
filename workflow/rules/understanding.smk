"""Quality understanding: answers to questions, their verdicts, and their measures."""


rule understanding:
    """Measures of answers to questions."""
    input:
        LAYOUT.understanding_measures(LAYOUT.results),


rule ask:
    input:
        key=KEYS.input_function("ask/{task}"),
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
        "vqathinker understanding ask {wildcards.task:q} --params {input.key:q} --policy {input.policy:q}"
        " --run {wildcards.run:q} --questions {params.questions:q} --clips {input.clips:q}"
        " --output {output:q} --times {log.times:q} --gpus {resources.gpu} 2> {log[0]:q}"


rule judge:
    input:
        key=KEYS.input_function("judge/{task}"),
        receipt=lambda w: LAYOUT.receipt(LAYOUT.task_set(w.task)),
        answers=f"{LAYOUT.understanding}/answers/{{run}}/{{task}}.parquet",
    output:
        f"{LAYOUT.understanding}/judged/{{run}}/{{task}}.jsonl",
    log:
        f"logs/judge/{LAYOUT.scale}/{{run}}/{{task}}.log",
    localrule: True
    conda:
        "../../envs/policy.yaml"
    resources:
        **RESOURCES["report"],
    params:
        questions=lambda w: LAYOUT.questions(w.task),
    shell:
        "vqathinker understanding judge {wildcards.task:q} --params {input.key:q}"
        " --questions {params.questions:q} --answers {input.answers:q} --output {output:q} 2> {log:q}"


rule measure:
    input:
        key=KEYS.input_function("measure/{task}"),
        receipt=lambda w: LAYOUT.receipt(LAYOUT.task_set(w.task)),
        answers=f"{LAYOUT.understanding}/answers/{{run}}/{{task}}.parquet",
        judged=lambda w: LAYOUT.verdicts(w.run, w.task),
    output:
        f"{LAYOUT.understanding}/measures/{{run}}/{{task}}.json",
    log:
        f"logs/measure/{LAYOUT.scale}/{{run}}/{{task}}.log",
    conda:
        "../../envs/policy.yaml"
    resources:
        **RESOURCES["report"],
    params:
        questions=lambda w: LAYOUT.questions(w.task),
        judged=lambda w, input: ["--judged", *input.judged] if input.judged else [],
    shell:
        "vqathinker understanding measure {wildcards.task:q} --params {input.key:q}"
        " --questions {params.questions:q} --answers {input.answers:q} {params.judged:q} --output {output:q} 2> {log:q}"
