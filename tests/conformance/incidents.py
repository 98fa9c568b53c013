"""What every Incidents promises. An adapter's test inherits it, with a fixture ``incidents`` that is empty."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from intermodal.platform.errors import NotFound
from intermodal.platform.ports import Incidents
from intermodal.platform.ports.incidents import Entry, Incident, incident_id
from intermodal.platform.targets import Target
from tests.targets import AWS, AWS_EU, AZURE, EKS, GCP


def incident(model: str, target: Target, onset: float) -> Incident:
    return Incident(incident_id(model, target, onset), model, target, onset)


ONE = incident("m", AWS, 100.5)


class IncidentsConformance:
    """An incident is opened once, keeps every entry once, and stays closed; each call is atomic."""

    @pytest.fixture
    def incidents(self) -> Incidents:
        raise NotImplementedError

    def test_incident_goes_from_open_to_closed(self, incidents: Incidents) -> None:
        assert list(incidents.all()) == []
        assert incidents.get(ONE.id) is None
        assert incidents.open(ONE) == ONE
        noted = incidents.note(ONE.id, Entry(101.0, "drained", "0", "no traffic | to aws\nnone"))
        assert incidents.get(ONE.id) == noted
        assert list(incidents.all(open_only=True)) == [noted]
        closed = incidents.close(ONE.id, 200.0)
        assert closed.closed_at == 200.0
        assert list(incidents.all(open_only=True)) == []
        assert list(incidents.all()) == [closed]
        assert incidents.get(ONE.id) == closed

    def test_every_call_may_be_repeated(self, incidents: Incidents) -> None:
        incidents.open(ONE)
        first = incidents.note(ONE.id, Entry(101.0, "notified", "down", "x"))
        assert incidents.open(ONE) == first
        assert incidents.note(ONE.id, Entry(999.0, "notified", "down", "y")) == first
        closed = incidents.close(ONE.id, 200.0)
        assert incidents.close(ONE.id, 300.0) == closed
        assert incidents.open(ONE) == closed
        late = incidents.note(ONE.id, Entry(400.0, "note", "late", "z"))
        assert late.closed_at == 200.0
        assert late.has("note", "late")
        assert list(incidents.all(open_only=True)) == []

    def test_incident_may_be_opened_with_entries_or_closed(self, incidents: Incidents) -> None:
        full = ONE.noted(Entry(1.0, "detected", "0", "x"))
        assert incidents.open(full) == full
        over = incident("m", GCP, 5).closed(6.0)
        assert incidents.open(over) == over
        assert list(incidents.all(open_only=True)) == [full]

    def test_all_are_oldest_first_and_of_one_model(self, incidents: Incidents) -> None:
        known = [incident("m_two", GCP, 300), ONE, incident("m", AZURE, 50), incident("mx", GCP, 50)]
        for opened in known:
            incidents.open(opened)
        assert list(incidents.all("m")) == [known[2], ONE]
        assert [found.opened_at for found in incidents.all()] == [50, 50, 100.5, 300]

    def test_incidents_of_one_onset_are_in_order_of_their_ids(self, incidents: Incidents) -> None:
        for target in (GCP, AWS_EU, EKS, AWS):
            incidents.open(incident("m", target, 7))
        ids = [found.id for found in incidents.all()]
        assert len(ids) == 4
        assert ids == sorted(ids)

    def test_target_with_a_region_comes_back(self, incidents: Incidents) -> None:
        regional = incident("m", AWS_EU, 1)
        incidents.open(regional)
        assert incidents.get(regional.id) == regional
        assert regional.id == "m-aws.sagemaker.eu-west-1-1"

    def test_unknown_incident_is_not_found(self, incidents: Incidents) -> None:
        assert incidents.get("m-aws.sagemaker-1") is None
        with pytest.raises(NotFound, match=r"m-aws\.sagemaker-1"):
            incidents.note("m-aws.sagemaker-1", Entry(1.0, "note", "a", "b"))
        with pytest.raises(NotFound, match=r"m-aws\.sagemaker-1"):
            incidents.close("m-aws.sagemaker-1", 1.0)

    def test_notes_of_many_writers_are_all_kept(self, incidents: Incidents) -> None:
        incidents.open(ONE)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: incidents.note(ONE.id, Entry(1.0, "note", str(n), "")), range(24)))
        found = incidents.get(ONE.id)
        assert found is not None
        assert sorted(int(entry.key) for entry in found.entries) == list(range(24))

    def test_openings_of_many_writers_give_one_incident(self, incidents: Incidents) -> None:
        with ThreadPoolExecutor(4) as pool:
            given = [ONE.noted(Entry(1.0, "note", str(n), "")) for n in range(8)]
            found = list(pool.map(incidents.open, given))
        assert len(set(found)) == 1
        assert list(incidents.all()) == [found[0]]

    def test_notes_while_it_is_closed_are_all_kept(self, incidents: Incidents) -> None:
        for turn in range(4):
            opened = incident("m", AWS, 1000 + turn)
            incidents.open(opened)
            with ThreadPoolExecutor(4) as pool:
                closing = [pool.submit(incidents.close, opened.id, float(n)) for n in range(2)]
                noting = [pool.submit(incidents.note, opened.id, Entry(1.0, "note", str(n), "")) for n in range(6)]
                ends = {work.result().closed_at for work in closing}
                for work in noting:
                    work.result()
            found = incidents.get(opened.id)
            assert found is not None
            assert ends == {found.closed_at}
            assert sorted(int(entry.key) for entry in found.entries) == list(range(6))
        assert list(incidents.all(open_only=True)) == []
