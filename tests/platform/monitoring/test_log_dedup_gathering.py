"""Each request once, its first answer, wherever two clouds' answers lie, in whatever order they come, and whichever
gatherer is killed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intermodal.platform.errors import Unavailable
from intermodal.platform.monitoring import log_gathering, predictions
from intermodal.platform.monitoring.log_dedup import MAX_ANSWER_GAP_SECONDS
from intermodal.platform.monitoring.log_gathering import OBJECT_OVERHEAD_BYTES, gather
from intermodal.platform.monitoring.predictions import newest
from intermodal.platform.targets import Site
from intermodal.resources.storage.tables import ParquetTables
from tests.assets.monitoring.gathering import NOW, Fragile, gathered, ids, stores_of, write
from tests.memory import MemoryStore, MemoryTables
from tests.targets import SITES

Answers = Mapping[Site, list[tuple[str, int]]]
"""Site → its answers: a request, and how many seconds after the earliest that it may have."""
REQUESTS = "abcdefghi"
ANSWERS: st.SearchStrategy[Answers] = st.dictionaries(
    st.sampled_from(SITES),
    st.lists(st.tuples(st.sampled_from(REQUESTS), st.integers(0, MAX_ANSWER_GAP_SECONDS)), min_size=1),
    min_size=1,
)


def timed(answers: Answers, start: float) -> Iterator[tuple[Site, str, float]]:
    """Requests 130 seconds after one another: some have all their answers in the middle of a part, some on both sides
    of a border."""
    for site, given_ in answers.items():
        for name, later in given_:
            yield site, name, start + 130 * REQUESTS.index(name) + later


def firsts(answers: Answers, start: float) -> list[tuple[str, float]]:
    wanted = dict[str, float]()
    for _, name, moment in timed(answers, start):
        wanted[name] = min(moment, wanted.get(name, moment))
    return sorted(wanted.items())


@pytest.mark.parametrize(
    ("aws", "gcp"),
    [
        (1.5, 0.0),
        (300.4, 299.6),
        (299.6, 300.4),
        (300.0 + MAX_ANSWER_GAP_SECONDS - 1, 299.0),
        (3599.9, 3600.1),
        (3600.1, 3599.9),
    ],
)
def test_gather_counts_answers_of_two_sites_once(aws: float, gcp: float) -> None:
    tables, aws_log, gcp_log = MemoryTables(), MemoryStore(Site("aws")), MemoryStore(Site("gcp"))
    write(aws_log, 1, ("a", NOW - 3600 + aws))
    write(gcp_log, 1, ("a", NOW - 3600 + gcp))
    assert gather(tables, aws_log, "wine", []) == 1
    assert gather(tables, gcp_log, "wine", []) == 0
    first = "aws" if aws < gcp else "gcp"
    assert newest(tables, "wine", "1.0.0", 10)[predictions.CLOUD].tolist() == [first]


def test_gather_far_from_a_border_reads_one_part() -> None:
    tables, store = Fragile(), MemoryStore(Site("aws"))
    for number, moment in enumerate((NOW - 150, NOW + 150, NOW + 450)):
        write(store, number, (f"r{number}", moment))
    gather(tables, store, "wine", [])
    tables.parts_read.clear()
    write(store, 3, ("new", NOW + 151))
    gather(tables, store, "wine", [])
    assert tables.parts_read == [predictions.part_of(NOW + 150)]


def test_gather_keeps_an_emptied_part(tmp_path: Path) -> None:
    tables = ParquetTables(address=str(tmp_path))
    for cloud, moment in (("aws", NOW + 300.4), ("gcp", NOW + 299.6)):
        store = MemoryStore(Site(cloud))
        write(store, 1, ("a", moment))
        gather(tables, store, "wine", [])
    assert [len(tables.read("wine", "predictions", part)) for part in tables.partitions("wine", "predictions")] == [
        1,
        0,
    ]
    before = newest(tables, "wine", "1.0.0", 10)
    write(store, 2, ("b", NOW + 301))
    assert gather(tables, store, "wine", []) == 1
    after = newest(tables, "wine", "1.0.0", 10)
    assert after[predictions.ID].tolist() == ["a", "b"]
    assert after.dtypes.tolist() == before.dtypes.tolist()


@given(ANSWERS, st.randoms(use_true_random=False))
def test_gather_is_independent_of_the_order_of_answers(answers: Answers, random: Random) -> None:
    tables, stores = MemoryTables(), stores_of(answers)
    arriving = list(timed(answers, NOW - 3450))
    random.shuffle(arriving)
    grown = 0
    for number, (site, name, moment) in enumerate(arriving):
        write(stores[site], number, (name, moment))
        grown += gather(tables, stores[site], "wine", [])
    assert gathered(tables) == firsts(answers, NOW - 3450)
    assert grown == len(gathered(tables))


@given(ANSWERS, st.integers(1, 16), st.booleans(), st.integers(1, 5))
def test_gather_killed_anywhere_has_each_request_once(
    answers: Answers, kill_at: int, in_store: bool, at_once: int
) -> None:
    """``at_once`` objects are added at a time; what was noted before the kill is not read again."""
    tables, stores = Fragile(-1 if in_store else kill_at), stores_of(answers)
    for number, (site, name, moment) in enumerate(timed(answers, NOW - 750)):
        write(stores[site], number, (name, moment))
    for store in stores.values():
        store.kill_at = kill_at if in_store else -1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_gathering, "BATCH_BYTES", at_once * OBJECT_OVERHEAD_BYTES)
        for _ in range(2):
            for store in stores.values():
                try:
                    gather(tables, store, "wine", [])
                except (Unavailable, KeyboardInterrupt):
                    assert set(ids(tables)) <= {name for given_ in answers.values() for name, _ in given_}
    assert gathered(tables) == firsts(answers, NOW - 750)
    assert all(store.gets <= len(store.objects) + at_once for store in stores.values())
