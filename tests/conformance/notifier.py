"""What every Notifier promises. An adapter's test inherits it and gives the fixtures that raise here."""

from collections.abc import Callable, Sequence

import pytest

from intermodal.platform.ports import Notifier
from intermodal.platform.ports.notifications import Notice, Receipt, Severity

PAGE = Notice("page", "aws/sagemaker cannot serve m", "Its traffic went to gcp.", "team:flights", "m-down")


class NotifierConformance:
    """A notice arrives with its title and text, or its sender learns that it did not."""

    @pytest.fixture
    def notifier(self) -> Notifier:
        """With one recipient."""
        raise NotImplementedError

    @pytest.fixture
    def arrived(self) -> Callable[[], Sequence[str]]:
        """What the recipient has, one text for each notice."""
        raise NotImplementedError

    @pytest.fixture
    def without_recipients(self) -> Notifier:
        raise NotImplementedError

    @pytest.fixture
    def refused(self) -> Notifier:
        """Its only recipient takes nothing."""
        raise NotImplementedError

    @pytest.mark.parametrize("severity", ["info", "warning", "page"])
    def test_notice_arrives_with_title_text_and_owner(
        self, notifier: Notifier, arrived: Callable[[], Sequence[str]], severity: Severity
    ) -> None:
        receipt = notifier.send(Notice(severity, "The title", "The text.", "team:flights", f"key-{severity}"))
        assert len(receipt.recipients) == 1
        assert receipt.failure is None
        (text,) = arrived()
        assert all(part in text for part in ("The title", "The text.", "team:flights", f"key-{severity}"))

    def test_notice_of_the_same_key_arrives_again(
        self, notifier: Notifier, arrived: Callable[[], Sequence[str]]
    ) -> None:
        assert notifier.send(PAGE) == notifier.send(PAGE)
        assert len(arrived()) == 2

    def test_recipient_that_is_skipped_counts_and_gets_nothing(
        self, notifier: Notifier, arrived: Callable[[], Sequence[str]]
    ) -> None:
        first = notifier.send(PAGE)
        assert notifier.send(PAGE, first.recipients) == first
        assert len(arrived()) == 1

    def test_notice_without_recipients_has_no_failure(self, without_recipients: Notifier) -> None:
        assert without_recipients.send(PAGE) == Receipt()

    def test_notice_that_nobody_took_has_a_failure(self, refused: Notifier) -> None:
        receipt = refused.send(PAGE)
        assert receipt.recipients == frozenset()
        assert receipt.failure is not None
        assert "aws/sagemaker cannot serve m" in receipt.failure.message
        assert receipt.failure.hint
