"""Machines by the SDK, for tests that are about something else."""

from typing import Any

from tests.e2e.waiting import PATIENCE_SECONDS, wait_until
from vrabec_client.client import Client
from vrabec_client.errors import JobFailed, NotFound

ENDED = ("done", "failed", "cancelled", "stuck")


class Machines:
    """What one client makes of machines."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def create(self, name: str, **wish: Any) -> dict[str, Any]:
        """A machine whose guest has answered."""
        queued = self.client.create_vm(name, **wish)
        self.client.wait_for_job(queued["job"]["id"], timeout=PATIENCE_SECONDS)
        return dict(self.client.wait_until_ready(queued["vm"], timeout=PATIENCE_SECONDS))

    def ended(self, job_id: int) -> dict[str, Any]:
        """A job once it has ended, however that was."""

        def look() -> dict[str, Any] | None:
            job = dict(self.client.get_job(job_id))
            return job if job["state"] in ENDED else None

        return wait_until(look, f"job {job_id} has ended") or {}

    def present(self) -> dict[str, dict[str, Any]]:
        """Every machine that Vrabec shows, by name."""
        return {vm["name"]: dict(vm) for vm in self.client.list_vms(per_page=500)["items"]}

    def delete_all(self) -> None:
        """Delete what Vrabec manages, and wait until it shows nothing of that any more."""
        for vm in self._managed():
            self._delete(vm["id"])
        wait_until(lambda: not self._managed(), "no machine of ours is left")

    def _managed(self) -> list[dict[str, Any]]:
        return [vm for vm in self.present().values() if vm["managed"]]

    def _delete(self, vm_id: int) -> None:
        try:
            wait_until(lambda: self.client.get_vm(vm_id)["job"] is None, "nothing works on the machine")
            self.client.wait_for_job(self.client.delete_vm(vm_id)["job"]["id"], timeout=PATIENCE_SECONDS)
        except (NotFound, JobFailed):
            return
