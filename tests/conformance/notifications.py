"""What every Notifications promises. An adapter's test inherits it and gives the fixture ``make``."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from intermodal.platform.errors import Unavailable
from intermodal.platform.ports import Notifications, Notifier
from intermodal.platform.ports.notifications import Notice, Receipt

PAGE = Notice("page", "aws/sagemaker cannot serve m", "Its traffic went to gcp.", "team:flights", "m-aws-1-down")

Make = Callable[[Notifier], Notifications]


class People:
    """Recipients by name, those of ``refusing`` take nothing; a page needs ``pager``. ``sent``: recipient and key."""

    def __init__(self, *recipients: str) -> None:
        self.recipients, self.refusing, self.sent = recipients, set[str](), list[tuple[str, str]]()

    def send(self, notice: Notice, skip: Collection[str] = ()) -> Receipt:
        willing = [name for name in self.recipients if name not in skip and name not in self.refusing]
        self.sent += [(name, notice.key) for name in willing]
        taken = frozenset({*willing, *(name for name in self.recipients if name in skip)})
        needed = {"pager"} & set(self.recipients) or set(self.recipients)
        return Receipt(taken, None if taken & needed or not needed else Unavailable(f"'{notice.title}' failed."))


class NotificationsConformance:
    """A notice is sent until it is delivered, and not again after that."""

    @pytest.fixture
    def make(self) -> Make:
        """Notifications over a transport; all that a test makes have one log, as several processes have."""
        raise NotImplementedError

    def test_notice_of_a_delivered_key_is_not_sent_again(self, make: Make) -> None:
        people = People("chat")
        notifications = make(people)
        assert notifications.notify(PAGE) == "delivered"
        assert notifications.notify(PAGE) == "delivered"
        assert notifications.notify(replace(PAGE, title="Another title", severity="info")) == "delivered"
        assert people.sent == [("chat", PAGE.key)]

    def test_notice_that_another_process_delivered_is_not_sent(self, make: Make) -> None:
        make(People("chat")).notify(PAGE)
        people = People("chat")
        assert make(people).notify(PAGE) == "delivered"
        assert people.sent == []

    def test_notice_of_another_key_is_sent(self, make: Make) -> None:
        people = People("chat")
        for key in ("m-aws-1-down", "m-aws-2-down", "m/aws 2: down", "../é"):
            assert make(people).notify(replace(PAGE, key=key)) == "delivered"
        assert len(people.sent) == 4

    def test_notice_that_failed_is_sent_again(self, make: Make) -> None:
        people = People("chat")
        people.refusing = {"chat"}
        for _ in range(2):
            with pytest.raises(Unavailable, match="cannot serve m"):
                make(people).notify(PAGE)
        people.refusing = set()
        assert make(people).notify(PAGE) == "delivered"
        assert people.sent == [("chat", PAGE.key)]

    def test_recipient_that_took_a_failed_page_gets_it_once(self, make: Make) -> None:
        people = People("chat", "pager")
        people.refusing = {"pager"}
        for _ in range(2):
            with pytest.raises(Unavailable):
                make(people).notify(PAGE)
        people.refusing = set()
        make(people).notify(PAGE)
        make(people).notify(PAGE)
        assert [name for name, _ in people.sent] == ["chat", "pager"]

    def test_page_is_delivered_when_only_those_are_left_who_have_it(self, make: Make) -> None:
        people = People("chat", "pager")
        people.refusing = {"pager"}
        with pytest.raises(Unavailable):
            make(people).notify(PAGE)
        assert make(People("chat")).notify(PAGE) == "delivered"
        another = People("mail")
        assert make(another).notify(PAGE) == "delivered"
        assert another.sent == []

    def test_notice_without_recipient_is_sent_once_there_is_one(self, make: Make) -> None:
        assert make(People()).notify(PAGE) == "no recipient"
        people = People("chat")
        assert make(people).notify(PAGE) == "delivered"
        assert people.sent == [("chat", PAGE.key)]

    def test_notice_of_many_at_once_is_delivered_and_then_not_sent(self, make: Make) -> None:
        people = People("chat")
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: make(people).notify(PAGE), range(8))) == {"delivered"}
        count = len(people.sent)
        assert 1 <= count <= 8
        make(people).notify(PAGE)
        assert len(people.sent) == count
