"""HOW IT HAPPENS: plans of steps against hosts, each with its undoing."""

from __future__ import annotations


def register_all() -> None:
    """Tell the engine every kind of job, and who keeps their ends. Called once, by its entry point."""
    from vrabec.jobs.plans import at_end
    from vrabec.services.record import record_end
    from vrabec.workflows.balance import register_balance
    from vrabec.workflows.hosts import register_hosts
    from vrabec.workflows.maintenance import register_maintenance
    from vrabec.workflows.templates import register_templates
    from vrabec.workflows.vm_clone import register_vm_clone
    from vrabec.workflows.vm_edit import register_vm_edits
    from vrabec.workflows.vm_migrate import register_migrate
    from vrabec.workflows.vm_power import register_power
    from vrabec.workflows.vms import register_vms

    register_vms()
    register_power()
    register_vm_edits()
    register_vm_clone()
    register_migrate()
    register_templates()
    register_hosts()
    register_maintenance()
    register_balance()
    at_end(record_end)
