"""What Envoy's words for a host mean."""

import httpx
import pytest

from intermodal.platform.errors import Unavailable
from intermodal.resources.envoy.control.admin import Admin, turn


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"eds_health_status": "HEALTHY"}, "first"),
        ({"eds_health_status": "HEALTHY", "failed_degraded_outlier_detection": True}, "last"),
        ({"eds_health_status": "HEALTHY", "failed_active_degraded_check": True}, "last"),
        ({"failed_degraded_outlier_detection": True, "failed_active_degraded_check": True}, "last"),
        ({"eds_health_status": "HEALTHY", "failed_outlier_check": True}, "never"),
        ({"failed_active_health_check": True, "failed_degraded_outlier_detection": True}, "never"),
        ({"eds_health_status": "UNHEALTHY"}, "never"),
    ],
)
def test_hosts_turn_is_read_from_its_flags(status: dict[str, object], expected: str) -> None:
    assert turn(status) == expected


def test_admin_that_refuses_does_not_repeat_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(401)))
    monkeypatch.setattr("intermodal.resources.envoy.control.admin.client", lambda: refusing)
    with pytest.raises(Unavailable, match="401") as caught:
        Admin("http://me:secret@gateway:9901").get("/ready")
    assert "secret" not in str(caught.value)
