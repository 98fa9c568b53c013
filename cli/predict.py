"""``intermodal predict``: send rows to a model through the gateway."""

from pathlib import Path

import click

from intermodal.cli import adapters
from intermodal.cli.console import err
from intermodal.platform.errors import NotFound, SpecError
from intermodal.platform.protocol import rows, v2


@click.command()
@click.argument("model")
@click.option("--json", "text", help="A row as {...}, or rows as [{...}, ...].")
@click.option("--file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A CSV file with a header.")
def predict(model: str, text: str | None, file: Path | None) -> None:
    """Send rows to a model through the gateway; prints the predictions, and which target answered."""
    if (text is None) == (file is None):
        raise SpecError("Give the rows once.", hint="Either --json '{...}' or --file rows.csv.")
    given = rows.from_json(text) if text is not None else rows.from_csv(_text(file))  # type: ignore[arg-type]
    gateway = adapters.gateway()
    route = gateway.route(model)
    if route is None:
        known = ", ".join(gateway.models()) or "none yet"
        raise NotFound(f"The gateway serves no model '{model}'.", hint=f"It serves: {known}.")
    signature = rows.signature_of(route.metadata)
    rows.check_names(given, signature)
    answer, target, version = gateway.infer(model, v2.request_body(signature, given))
    for prediction in v2.predictions(answer):
        click.echo(" ".join(f"{value:.6f}" for value in prediction))
    err.print(f"answered by {target}, version {version}", highlight=False, soft_wrap=True)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"{file} is not text in UTF-8: {error.reason}.", hint="Save it as CSV in UTF-8.") from error
