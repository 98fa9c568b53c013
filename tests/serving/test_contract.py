"""The contract with the serving platforms stands in one file, with its sources."""

import re
from pathlib import Path

import intermodal.serving.contract as contract
from intermodal.serving.contract import OURS, Rule, TimeLimit

SERVING = Path(contract.__file__).parent
ALLOWED = {"contract.py", "prediction_log/azure_identity.py"}
VENDOR = re.compile(
    r"aws|amzn|amazon|sagemaker|boto|gcp|google|vertex|aip_|cloud.?run|azure(?!_identity)|azureml|microsoft|msi_", re.I
)


def entries() -> list[Rule | TimeLimit]:
    values = [item for value in vars(contract).values() for item in (value if type(value) is tuple else (value,))]
    return [value for value in values if isinstance(value, Rule | TimeLimit)]


def test_contract_every_vendor_rule_has_a_page() -> None:
    assert len(entries()) > 20
    for entry in entries():
        assert entry.page.startswith("https://") or entry.platform == OURS, entry


def test_contract_rule_value_is_path_or_variable() -> None:
    assert Rule("/ping", OURS).value({"/ping": "x"}) == "/ping"
    assert Rule("PORT", OURS).value({"PORT": "1"}) == "1"
    assert Rule("PORT", OURS).value({}) == ""


def test_contract_vendor_names_occur_in_no_other_file() -> None:
    found = []
    for path in SERVING.rglob("*.py"):
        name = path.relative_to(SERVING).as_posix()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if name not in ALLOWED and VENDOR.search(line):
                found.append(f"{name}:{number}: {line.strip()}")
    assert not found
