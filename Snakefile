"""Entry point: VQAThinker from data sets to tables, see workflow/Snakefile."""


include: "workflow/Snakefile"


workflow.default_target = "all"  # which an include does not set
