"""What is said of what the system refuses."""

import click
import pytest
from click.testing import CliRunner

from intermodal.cli import ForPeople


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            PermissionError(13, "Permission denied", "/x"),
            "Permission denied: /x. Check that INTERMODAL_HOME is writable",
        ),
        (ConnectionResetError(104, "Connection reset by peer"), "ConnectionResetError: [Errno 104] Connection reset"),
        (OSError(28, "No space left on device"), "the disk is not full."),
    ],
)
def test_only_what_was_done_to_a_file_is_said_of_a_file(error: OSError, words: str) -> None:
    @click.group(cls=ForPeople)
    def group() -> None: ...

    @group.command()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(group, ["fail"])
    assert result.exit_code == 1
    assert words in " ".join(result.output.split())
    assert "None" not in result.output
