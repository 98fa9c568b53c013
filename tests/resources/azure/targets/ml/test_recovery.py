"""An incident of Azure ML ends when its cause is gone, though its deployment failed while it had all of the traffic."""

from collections.abc import Sequence

from intermodal.platform.ports.endpoints import DeployRequest, Endpoint
from intermodal.resources.polling import poll
from tests.failover_world import MODEL, World, build_world
from tests.memory import MemoryStore, MemoryTarget
from tests.resources.azure.targets.ml.test_rollout import OURS, Workspace, rollout
from tests.targets import AZURE


class Azure(MemoryTarget):
    """Deploys by the real rollout over a workspace in memory, which deletes no deployment that has traffic.

    ``cause``: a new deployment fails."""

    def __init__(self, store: MemoryStore, workspace: Workspace) -> None:
        super().__init__(AZURE, store)
        self.workspace, self.cause = workspace, False

    def deploy(self, request: DeployRequest) -> Endpoint:
        steps = rollout(self.workspace)

        def step() -> bool:
            done = steps.step()
            if self.workspace.states.get(OURS) == "Creating":
                self.workspace.states[OURS] = "Failed" if self.cause else "Succeeded"
            self.workspace.there |= not done
            return done

        assert poll(step, 30, growth=1, first_pause=0.001)
        return super().deploy(request)


def world_with(workspace: Workspace) -> tuple[World, Azure]:
    world = build_world()
    before = world.targets[AZURE]
    azure = Azure(before.store, workspace)
    azure.endpoints, azure.planes, azure.requests = before.endpoints, before.planes, before.requests
    world.targets[AZURE] = world.gateway.targets[AZURE] = azure
    return world, azure


def open_incidents(world: World) -> Sequence[object]:
    return world.incidents.all(open_only=True)


def test_failed_with_all_traffic_is_replaced_and_the_incident_closed() -> None:
    workspace = Workspace(False, **{OURS: "Succeeded"})
    workspace.traffic = {OURS: 100}
    world, azure = world_with(workspace)
    world.kill_cloud("azure")
    world.run_until_stable()
    workspace.states[OURS] = "Failed"
    azure.cause = True
    world.revive("azure")
    for _ in range(5):
        world.tick()
    assert open_incidents(world)
    assert "exited with 1" in world.failures[-1]
    azure.cause = False
    world.run_until_stable(ticks=400)
    assert open_incidents(world) == []
    assert workspace.states == {OURS: "Succeeded"}
    assert workspace.traffic == {OURS: 100}
    assert world.gateway.routes[MODEL].weights[AZURE]
