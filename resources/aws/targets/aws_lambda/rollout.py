"""One deployment in steps, each from what there is towards what is requested."""

from __future__ import annotations

from intermodal.platform.errors import DeployFailed, NotFound, Throttled, Unavailable
from intermodal.resources.aws.errors import Busy, Rejected
from intermodal.resources.aws.targets.aws_lambda.api import Lambda, Record
from intermodal.resources.aws.targets.aws_lambda.plan import Plan, is_moving, is_stopped, reason_of

MAX_FAILURES = 5
"""Steps in a row that may fail before a deploy gives up: a short failure must not end a deployment."""


class Rollout:
    """Call ``advance`` until it returns the function.

    The order keeps what serves: the function's newest content is published as a version, the version is called once by
    its number, and only then does the alias point to it. ``changed`` is whether this deploy created or updated the
    function; ``checked`` is whether the tags of the function that exists are the request's; ``status`` is the last
    known state, in words.
    """

    def __init__(self, functions: Lambda, plan: Plan) -> None:
        self.functions, self.plan, self.name = functions, plan, plan.name
        self.failures = 0
        self.changed, self.checked = False, False
        self.status = "Pending"

    def advance(self) -> tuple[Record, dict[str, str]] | None:
        """The function's record and tags once it serves as planned, else None: call again soon. Raises DeployFailed;
        Throttled and Unavailable after MAX_FAILURES in a row."""
        try:
            found = self._advance()
        except (Busy, NotFound):  # another deploy was first, or something was deleted between two calls
            found = None
        except Rejected as error:
            self._clean_up()
            raise DeployFailed(error.message, hint=error.hint) from error
        except (Throttled, Unavailable):
            self.failures += 1
            if self.failures == MAX_FAILURES:
                raise
            return None
        self.failures = 0
        return found

    def _advance(self) -> tuple[Record, dict[str, str]] | None:
        record = self.functions.find(self.name)
        if record is None:
            self.checked = False
            self.functions.create(self.plan)
            self.changed = True
            return None
        if not self.checked:
            self.functions.require_requested(record, self.plan)
            self.checked = True
        version = self._version()
        if version is None:
            self._prepare(record)
            return None
        self.status = f"version {version['Version']} {version.get('State', 'Active')}"
        match version.get("State", "Active"):
            case "Pending":
                return None
            case "Failed":
                raise self._failed(reason_of(version), version)
        if is_stopped(record):
            self.functions.unreserve(self.name)
            return None
        if reason := self.functions.failure(self.name, version["Version"]):
            raise self._failed(reason, version)
        return self._release(record, version["Version"])

    def _version(self) -> Record | None:
        """The published version with the plan's content."""
        found = (v for v in self.functions.versions(self.name) if v.get("Description") == self.plan.revision)
        return next(found, None)

    def _prepare(self, record: Record) -> None:
        """One step towards a published version: wait, update, or publish."""
        configuration = record["Configuration"]
        self.status = f"{configuration.get('State')}, its update {configuration.get('LastUpdateStatus')}"
        if is_moving(configuration):
            return
        if configuration.get("State") == "Failed":
            self._remake(configuration)
        elif self.changed and configuration.get("LastUpdateStatus") == "Failed":
            raise self._failed(reason_of(configuration))
        elif not self.plan.has_image(record):
            self.functions.update_image(self.plan, record)
            self.changed = True
        elif not self.plan.has_configuration(record) or configuration.get("LastUpdateStatus") == "Failed":
            self.functions.update_configuration(self.plan, record)
            self.changed = True
        else:
            self.functions.publish(self.plan, record)

    def _remake(self, configuration: Record) -> None:
        """A function whose creation failed can only be deleted. It has no version, so it serves no request."""
        if self.changed:
            raise self._failed(reason_of(configuration))
        self.functions.remove(self.name)

    def _release(self, record: Record, number: str) -> tuple[Record, dict[str, str]] | None:
        """Alias, URL and tags; then what earlier deployments left is removed."""
        alias = self.functions.alias(self.name)
        if alias is None or alias["FunctionVersion"] != number or alias.get("RoutingConfig"):
            self.functions.point(self.name, number, alias)
            return None
        url = self.functions.url(self.name)
        if url is None or url["AuthType"] != "AWS_IAM":
            self.functions.open_url(self.name, url)
            return None
        found, desired = self.functions.require_requested(record, self.plan), self.plan.request.all_tags
        if missing := {key: value for key, value in desired.items() if found.get(key) != value}:
            self.functions.add_tags(record, missing)
        self.functions.discard(self.name, keep={number})
        return record, found | desired

    def _failed(self, reason: str, version: Record | None = None) -> DeployFailed:
        serves = self.functions.alias(self.name) is not None
        if version is not None and serves:
            self.functions.remove_version(self.name, version["Version"])
        self._clean_up()
        kept = "What served before still serves." if serves else "The failed function is deleted."
        return DeployFailed(
            f"Lambda function '{self.name}' failed: {reason}",
            hint=f"{kept} Correct what the reason names, then deploy again.",
        )

    def _clean_up(self) -> None:
        """Remove a function that this deploy was the first to make: without an alias it serves no request."""
        if self.functions.find(self.name) and self.functions.alias(self.name) is None:
            self.functions.remove(self.name)
