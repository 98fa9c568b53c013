"""What every PackageServer does, on a package in miniature."""

from pathlib import Path

import pytest

from intermodal.platform.errors import IntermodalError, SpecError
from intermodal.platform.ports.package_server import PackageServer
from intermodal.platform.protocol import v2
from intermodal.platform.protocol.package import Golden, Package
from intermodal.platform.protocol.parity import holds
from tests.tiny_package import SIGNATURE, build

MODEL = "flight_delay"
ROW = {"distance": 700.0, "hour": 9, "carrier": "UA"}


class PackageServerConformance:
    @pytest.fixture
    def server(self) -> PackageServer:
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return build(tmp_path / "package")

    def test_answers_the_golden_rows(self, server: PackageServer, folder: Path) -> None:
        golden = Golden.read(folder)
        with server.start(folder, MODEL) as answer:
            predicted = v2.predictions(answer(v2.golden_body(SIGNATURE, golden.rows)))
        assert holds(golden.predictions, predicted)

    def test_refused_row_raises_with_the_column(self, server: PackageServer, folder: Path) -> None:
        with server.start(folder, MODEL) as answer:
            with pytest.raises(SpecError, match="'hour', row 0: the value is missing"):
                answer(v2.golden_body(SIGNATURE, [{**ROW, "hour": None}]))
            assert v2.predictions(answer(v2.golden_body(SIGNATURE, [ROW])))

    def test_wrong_golden_rows_raise_at_the_start(self, server: PackageServer, folder: Path) -> None:
        golden = Golden.read(folder)
        Golden(golden.rows, [[p[0] + 0.5] for p in golden.predictions]).write(folder)
        with (
            pytest.raises(IntermodalError, match=r"golden rows' predictions differ by 0.5"),
            server.start(folder, MODEL),
        ):
            pass

    def test_absent_model_file_raises_at_the_start(self, server: PackageServer, folder: Path) -> None:
        (folder / Package.read(folder).file).unlink()
        with pytest.raises(IntermodalError, match=r"model\.txt"), server.start(folder, MODEL):
            pass
