"""What is published, read back from its files."""

import json
import logging
from pathlib import Path

import pytest

from intermodal.platform.ports.registry import Identity
from intermodal.resources.envoy.control.state import read_all
from intermodal.resources.envoy.settings import Paths


def test_state_of_an_earlier_release_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = Paths(tmp_path)
    paths.routes.mkdir(parents=True)
    route = {"model": "m", "version": "1.0.0", "weights": {"aws": 100}, "metadata": {}, "golden_body": "{}"}
    upstream = {"model": "m", "cloud": "aws", "version": "1.0.0", "url": "http://127.0.0.1:1/infer"}
    (paths.routes / "m.json").write_text(json.dumps({"route": route, "lanes": [upstream]}), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):  # a sensor reads it every few seconds
            assert read_all(paths) == {}
    assert caplog.text.count("deploy the model again") == 1


def test_route_without_a_digest_is_read(tmp_path: Path) -> None:
    """It was published before digests were kept, and serves on."""
    paths = Paths(tmp_path)
    paths.routes.mkdir(parents=True)
    route = {"model": "m", "version": "1.0.0", "weights": {"aws/sagemaker": 1}, "metadata": {}, "golden_body": "{}"}
    (paths.routes / "m.json").write_text(json.dumps({"route": route, "upstreams": []}), encoding="utf-8")
    assert read_all(paths)["m"].route.identity == Identity("1.0.0", "")
