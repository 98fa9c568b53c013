"""A page at the gateway on which a person can send a request to a model."""

import json
from html import escape

from intermodal.platform.deployment.openapi import Document, example_of, tensors_of
from intermodal.platform.ports.gateway import Route


def page_of(route: Route) -> str:
    """A page that sends a request to the model. It loads nothing from elsewhere."""
    rows = "".join(
        f"<tr><td><code>{escape(tensor['name'])}</code></td><td>{escape(_type_of(tensor))}</td>"
        f"<td>{'may be left out' if tensor.get('parameters', {}).get('optional') else 'needed'}</td></tr>"
        for tensor in tensors_of(route, "inputs")
    )
    return PAGE.format(
        name=escape(route.model),
        version=escape(route.version),
        rows=rows,
        example=escape(_by_input(example_of(route))),
    )


def _by_input(example: Document) -> str:
    """JSON with a line for each input."""
    return '{"inputs": [\n  ' + ",\n  ".join(map(json.dumps, example["inputs"])) + "\n]}"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{name} {version}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
td {{ padding: .15rem 1.5rem .15rem 0; border-bottom: 1px solid #e3e8ee }}
textarea, pre {{ box-sizing: border-box; width: 100%; font: 13px/1.45 ui-monospace, monospace; padding: .75rem;
  border: 1px solid #c9d3de; border-radius: 6px; background: #f7f9fb; overflow: auto; white-space: pre-wrap }}
button {{ font: inherit; margin: .75rem 0; padding: .4rem 1.2rem; border: 0; border-radius: 6px; color: #fff;
  background: #1f5fbf }}
</style></head><body>
<h1>{name} <small>{version}</small></h1>
<p>Open Inference Protocol V2. <a href="openapi.json">OpenAPI</a></p>
<table>{rows}</table>
<textarea id="body" rows="14" spellcheck="false" aria-label="request">{example}</textarea>
<button id="send">Send</button>
<pre id="answer" aria-live="polite">The answer appears here.</pre>
<script>
const show = text => document.getElementById("answer").textContent = text;
document.getElementById("send").onclick = async () => {{
  const started = performance.now();
  try {{
    const headers = {{"content-type": "application/json"}};
    const answer = await fetch("infer", {{method: "POST", headers, body: document.getElementById("body").value}});
    const text = await answer.text();
    const target = answer.headers.get("x-intermodal-target") || "the gateway";
    const took = Math.round(performance.now() - started);
    let readable = text;
    try {{ readable = JSON.stringify(JSON.parse(text), null, 1) }} catch {{ /* it is no JSON */ }}
    show(`${{answer.status}} from ${{target}} in ${{took}} ms\\n${{readable}}`);
  }} catch (error) {{ show(String(error)) }}
}};
</script></body></html>
"""


def _type_of(tensor: Document) -> str:
    moment = tensor.get("parameters", {}).get("format") == "date-time"
    if moment:
        return "a point in time (RFC 3339)"
    shape = tensor["shape"][1:]
    return f"{tensor['datatype']} {shape}" if shape else str(tensor["datatype"])
