"""``intermodal predict``: send rows to a model through the gateway, or list what it takes."""

import json
from pathlib import Path

import click

from intermodal.cli import adapters, tables
from intermodal.cli.console import err
from intermodal.platform.errors import NotFound, SpecError
from intermodal.platform.protocol import rows, v2
from intermodal.platform.protocol.signature import Output, Signature


@click.command()
@click.argument("model")
@click.option("--json", "text", help="A row as {...}, or rows as [{...}, ...].")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CSV file with a header.")
@click.option("--describe", is_flag=True, help="List the inputs, their types and which may be missing; send nothing.")
def predict(model: str, text: str | None, file: Path | None, describe: bool) -> None:
    """Send rows to a model through the gateway; prints the predictions, and which target answered."""
    if [text is not None, file is not None, describe].count(True) != 1:
        raise SpecError(
            "Give the rows once.",
            hint="Either --json '{...}' or --file rows.csv. --describe lists the inputs and takes no rows.",
        )
    given = rows.from_json(text) if text is not None else rows.from_csv(_text(file)) if file is not None else []
    gateway = adapters.gateway()
    route = gateway.route(model)
    if route is None:
        known = ", ".join(gateway.models()) or "none yet"
        raise NotFound(f"The gateway serves no model '{model}'.", hint=f"It serves: {known}.")
    signature = rows.signature_of(route.metadata)
    if describe:
        tables.describe(route.metadata, signature.outputs)
        return
    rows.check_names(given, signature)
    answer, target, version = gateway.infer(model, v2.request_body(signature, given))
    tables.predictions(v2.predictions(answer), _outputs(answer, signature), _labels(answer))
    err.print(f"answered by {target}, version {version}", highlight=False, soft_wrap=True)


def _outputs(answer: bytes, signature: Signature) -> list[Output]:
    """What the answer's numbers are. During a rollout another version answers than the metadata is of, so the answer's
    own classes come first; the metadata's are for a server of an early release, which names none."""
    found = [output for output in map(rows.output_of, json.loads(answer)["outputs"]) if not output.is_label]
    known = {(output.name, output.shape): output for output in signature.outputs}
    return [output if output.labels else known.get((output.name, output.shape), output) for output in found]


def _labels(answer: bytes) -> list[str]:
    """The label of each row; none of a model that is no classifier."""
    return next((output["data"] for output in json.loads(answer)["outputs"] if output["datatype"] == "BYTES"), [])


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{file} is not text in UTF-8: {error.reason}.", hint="Save it as CSV in UTF-8.") from error
