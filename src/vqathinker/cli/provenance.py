"""Commands about where results come from: explain a number, verify tables, archive a scale.

They are no phase: what they say is no result, so a change here makes nothing out of date.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from vqathinker.cli.options import DEFAULT_PARAMS, OutFile, ParamsFile
from vqathinker.cli.paths import folder_to_read
from vqathinker.products import RESULTS

__all__ = ["archive", "explain", "verify"]

Results = Annotated[
    Path, typer.Argument(**folder_to_read(RESULTS), help="For example results/demo.")
]


def explain(
    results: Results,
    table: Annotated[str, typer.Argument(help="Name of a table, such as scoring.")],
    row: Annotated[str, typer.Argument(help="Name of a row, such as grpo/demo_content.")],
    column: Annotated[str, typer.Argument(help="Name of a column, such as srcc.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON for other programs.")] = False,
) -> None:
    """Show where a number comes from, down to label file and videos; is all still as it was?

    Example: vqathinker explain results/demo scoring grpo/demo_content srcc
    """
    from vqathinker.reporting.explain import as_text
    from vqathinker.reporting.explain import explain as explain_cell

    found = explain_cell(results, table, row, column)
    if not as_json:
        typer.echo(as_text(found))
        return
    chains = [
        {**chain._asdict(), "links": [link._asdict() for link in chain.links],
         "videos": [video._asdict() for video in chain.videos]}
        for chain in found.chains
    ]  # fmt: skip
    told = {**found._asdict(), "table": str(found.table), "chains": chains}
    typer.echo(json.dumps(told, indent=1, ensure_ascii=False))


def verify(results: Results) -> None:
    """Compute metrics and tables again from predictions; exit code 1 where one does not agree.

    Example: vqathinker verify results/demo
    """
    from vqathinker.reporting.verify import verify as verify_results

    wrong = False
    for finding in verify_results(results):
        typer.echo(f"{finding.name}: {'DIFFERS' if finding.wrong else 'agrees'}")
        for line in finding.wrong:
            typer.echo(f"  {line}")
        wrong = wrong or bool(finding.wrong)
    if wrong:
        raise typer.Exit(1)


def archive(results: Results, out: OutFile, params: ParamsFile = DEFAULT_PARAMS) -> None:
    """Pack results and all that explains them as an RO-Crate; videos and weights stay out.

    Example: vqathinker archive results/demo --out demo.crate.zip
    """
    from vqathinker.reporting.archive import archive as pack

    typer.echo(f"{out}: {pack(results, out, params)} files of {results}")
