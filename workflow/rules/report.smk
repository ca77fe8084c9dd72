"""Tables, figures and report page, of the main runs or of all runs."""


rule tables:
    """Tables of scores, temporal preference and quality understanding."""
    input:
        f"{LAYOUT.results}/tables",


rule figures:
    """Training curves, scatter plots and temporal preference."""
    input:
        f"{LAYOUT.results}/figures",


rule report:
    """The report page."""
    input:
        f"{LAYOUT.results}/report.html",


rule write_tables:
    input:
        key=KEYS.input_function("tables"),
        metrics=lambda w: LAYOUT.metrics(w.folder),
        predictions=lambda w: LAYOUT.predictions(w.folder),
        manifests=LAYOUT.manifests,
        preference=lambda w: LAYOUT.preferences(w.folder),
        understanding=lambda w: LAYOUT.understanding_measures(w.folder),
    output:
        report(
            directory("{folder}/tables"),
            patterns=["{name}.md"],
            caption="../report/tables.rst",
            category="Tables",
        ),
    log:
        "logs/write_tables/{folder}.log",
    conda:
        "../../envs/report.yaml"
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker tables --params {input.key:q} --metrics {input.metrics:q}"
        " --predictions {input.predictions:q} --manifest {input.manifests:q}"
        " --preference {input.preference:q} --understanding {input.understanding:q}"
        " --output {output:q} 2> {log:q}"


rule write_metrics_json:
    input:
        key=KEYS.input_function("metrics_json"),
        tables="{folder}/tables",
    output:
        directory("{folder}/numbers"),
    log:
        "logs/write_metrics_json/{folder}.log",
    conda:
        "../../envs/report.yaml"
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker metrics-json --tables {input.tables:q} --output {output:q} 2> {log:q}"


rule draw_figures:
    input:
        key=KEYS.input_function("figures"),
        histories=lambda w: LAYOUT.histories(w.folder),
        predictions=lambda w: LAYOUT.predictions(w.folder),
        manifests=LAYOUT.manifests,
        preference=lambda w: LAYOUT.preferences(w.folder),
    output:
        report(
            directory("{folder}/figures"),
            patterns=["{name}.png"],
            caption="../report/figures.rst",
            category="Figures",
        ),
    log:
        "logs/draw_figures/{folder}.log",
    conda:
        "../../envs/report.yaml"
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker figures --history {input.histories:q} --predictions {input.predictions:q}"
        " --manifest {input.manifests:q} --preference {input.preference:q}"
        " --output {output:q} 2> {log:q}"


rule thumbnails:
    """Thumbnails of the benchmarks' clips, for the report page."""
    input:
        LAYOUT.thumbnails,


rule draw_thumbnails:
    input:
        key=KEYS.input_function("thumbnails"),
        clips=lambda w: LAYOUT.shards(w.benchmark),
    output:
        directory(f"{LAYOUT.results}/thumbnails/{{benchmark}}"),
    log:
        f"logs/draw_thumbnails/{LAYOUT.scale}/{{benchmark}}.log",
    conda:
        "../../envs/policy.yaml"
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker thumbnails --clips {input.clips:q} --output {output:q} 2> {log:q}"


rule write_report:
    input:
        key=KEYS.input_function("report"),
        tables="{folder}/tables",
        figures="{folder}/figures",
        predictions=lambda w: LAYOUT.predictions(w.folder),
        manifests=LAYOUT.manifests,
        perturbed=lambda w: LAYOUT.perturbed_predictions(w.folder),
        thumbnails=LAYOUT.thumbnails,
    output:
        report("{folder}/report.html", caption="../report/page.rst", category="Report"),
    log:
        "logs/write_report/{folder}.log",
    conda:
        "../../envs/report.yaml"
    resources:
        **RESOURCES["report"],
    shell:
        "vqathinker report --params {input.key:q} --tables {input.tables:q} --figures {input.figures:q}"
        " --predictions {input.predictions:q} --manifest {input.manifests:q}"
        " --perturbed {input.perturbed:q} --thumbnails {input.thumbnails:q} --output {output:q} 2> {log:q}"
