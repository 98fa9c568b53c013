"""What every Signer promises. An adapter's test inherits it, with a fixture ``signer`` that has a key."""

from pathlib import Path

from intermodal.platform.ports import Signer
from intermodal.platform.protocol.manifest import SIGNATURE, Manifest
from intermodal.platform.protocol.signing import bundle_of, verify_folder


class SignerConformance:
    """A package that it signed is accepted with its public key."""

    def test_signature_holds_with_its_key(self, signer: Signer, tmp_path: Path) -> None:
        folder = tmp_path / "package"
        folder.mkdir()
        (folder / "model.txt").write_bytes(b"tree")
        assert signer.key
        (folder / SIGNATURE).write_bytes(bundle_of(Manifest.of(folder), "tiny", signer.sign, signer.key))
        verify_folder(folder, [signer.key])
