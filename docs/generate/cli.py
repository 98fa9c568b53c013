"""The reference of the command line, from click's own objects."""

from collections.abc import Iterator
from inspect import cleandoc

import click

from docs.generate.markdown import GENERATED, code, fence, table

EXAMPLES = {
    "init": "intermodal init shop",
    "up": "intermodal up",
    "down": "intermodal down",
    "demo": "intermodal demo",
    "status": "intermodal status",
    "predict": "intermodal predict flight_delay --file models/flight_delay/example.csv",
    "drill": "intermodal drill outage aws --seconds 30",
    "incident list": "intermodal incident list",
    "incident close": 'intermodal incident close wine-aws.sagemaker-1764500000 --because "model withdrawn"',
    "rollout status": "intermodal rollout status flight_delay",
    "rollout pause": "intermodal rollout pause flight_delay",
    "rollout resume": "intermodal rollout resume flight_delay",
    "rollout promote": 'intermodal rollout promote flight_delay --because "tried by hand"',
    "rollout abort": 'intermodal rollout abort flight_delay --because "complaints"',
    "rollout retry": "intermodal rollout retry flight_delay",
    "withdraw": "intermodal withdraw no_show",
    "sandbox outage": "intermodal sandbox outage aws",
    "sandbox restore": "intermodal sandbox restore aws",
    "sandbox fault": "intermodal sandbox fault gcp --error-rate 0.3",
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command with its name below ``intermodal``, groups before what is in them."""
    from intermodal.cli import main

    yield from _below("", main)


def _below(prefix: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        yield f"{prefix}{name}", command
        if isinstance(command, click.Group):
            yield from _below(f"{prefix}{name} ", command)


def page() -> str:
    parts = [
        GENERATED.format(name="cli"),
        "# Command line\n",
        "`make` installs the command into `.venv/bin/intermodal`. In the sandbox it knows every address by itself. "
        "In staging and production it reads the [settings](settings.md) from the environment. An error says what "
        "happened, where, and what to do next; the exit status is then not 0.\n",
    ]
    for name, command in commands():
        parts += [f"{'##' if ' ' not in name else '###'} intermodal {name}\n", *_command(name, command)]
    return "\n".join(parts)


def _command(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=f"intermodal {name}")
    yield _help(command.help or "")
    yield fence(command.get_usage(context).removeprefix("Usage: "), "text")
    rows = [
        (code(", ".join(option.opts + option.secondary_opts)), _values(option), _default(option), option.help or "")
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
    ]
    if rows:
        yield table(("Option", "Value", "Default", "Meaning"), rows)
    if name in EXAMPLES:
        yield "Example:\n"
        yield fence(EXAMPLES[name], "console")


def _help(text: str) -> str:
    """click's ``\\b`` begins a block whose lines stay as they are."""
    parts = []
    for paragraph in cleandoc(text).replace("\f", "").split("\n\n"):
        lines = paragraph.splitlines()
        parts.append(fence("\n".join(lines[1:]), "text") if lines[:1] == ["\b"] else paragraph + "\n")
    return "\n".join(parts)


def _values(option: click.Option) -> str:
    if option.is_flag:
        return "flag"
    if isinstance(option.type, click.Choice):
        return ", ".join(code(str(choice)) for choice in option.type.choices)
    if isinstance(option.type, click.FloatRange | click.IntRange):
        return _range(option.type)
    return option.metavar or option.type.name


def _range(values: click.FloatRange | click.IntRange) -> str:
    low = "" if values.min is None else f"{'above' if values.min_open else 'at least'} {values.min:g}"
    high = "" if values.max is None else f"{'below' if values.max_open else 'at most'} {values.max:g}"
    return ", ".join(["number", *(bound for bound in (low, high) if bound)])


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    value = option.default
    return code(str(value)) if isinstance(value, int | float | str) and not option.is_flag and str(value) else ""
