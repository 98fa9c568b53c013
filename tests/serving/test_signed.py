"""What the server loads: signed packages when it has keys, and without keys what cannot run code."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from intermodal.platform.errors import UntrustedPackage
from intermodal.platform.protocol.keys import key_text, to_variables
from intermodal.platform.protocol.package import Package
from intermodal.serving.errors import StartError
from intermodal.serving.settings import Settings, Trust
from intermodal.serving.signed import require_signed
from tests.signing import der, sign


@pytest.fixture
def package(lightgbm_package: Path, tmp_path: Path) -> Path:
    return shutil.copytree(lightgbm_package, tmp_path / "package")


def test_require_signed_by_a_trusted_key_is_accepted(package: Path) -> None:
    other = der(ec.generate_private_key(ec.SECP256R1()))
    require_signed(Package.read(package), package, Trust((other, sign(package))))


@pytest.mark.parametrize("unsigned", [False, True])
def test_require_signed_with_keys_refuses_unsigned(unsigned: bool, package: Path) -> None:
    with pytest.raises(UntrustedPackage, match="is not signed"):
        require_signed(Package.read(package), package, Trust((der(),), unsigned))


def test_require_signed_without_keys_logs_data(package: Path, caplog: pytest.LogCaptureFixture) -> None:
    require_signed(Package.read(package), package, Trust())
    assert "without its signature being verified" in caplog.text


def test_require_signed_without_keys_refuses_code(package: Path) -> None:
    code = replace(Package.read(package), format="sklearn")
    with pytest.raises(StartError, match="can run code") as refused:
        require_signed(code, package, Trust())
    assert "INTERMODAL_UNSIGNED=1" in refused.value.hint
    require_signed(code, package, Trust(unsigned=True))


def test_trust_is_read_from_the_environment() -> None:
    assert Settings.of({}).trust == Trust()
    assert Settings.of({**to_variables([key_text(der())]), "INTERMODAL_UNSIGNED": "1"}).trust == Trust(
        (der(),), unsigned=True
    )
