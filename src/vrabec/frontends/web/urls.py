"""Paths of the pages. Every view says beside itself which right it needs (access.page)."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt

from vrabec.frontends.web import (
    account,
    activity,
    consoles,
    hosts,
    jobs,
    projects,
    reports,
    session,
    templates,
    tree,
    vm_edit,
    vm_new,
    vm_verbs,
    vms,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", vms.index, name="vms"),
    path("machines/new", vm_new.new, name="vm-new"),
    path("machines/<int:vm_id>", vms.show, name="vm"),
    path("machines/<int:vm_id>/activity", vms.activity, name="vm-activity"),
    path("machines/<int:vm_id>/console", consoles.screen, name="vm-console"),
    path("machines/<int:vm_id>/console/serial", consoles.serial, name="vm-serial"),
    path("machines/<int:vm_id>/actions", vms.actions, name="vm-actions"),
    path("machines/<int:vm_id>/describe", vm_edit.describe, name="vm-describe"),
    path("machines/<int:vm_id>/start", vm_verbs.start, name="vm-start"),
    path("machines/<int:vm_id>/shutdown", vm_verbs.shutdown, name="vm-shutdown"),
    path("machines/<int:vm_id>/power-off", vm_verbs.power_off, name="vm-power-off"),
    path("machines/<int:vm_id>/reboot", vm_verbs.reboot, name="vm-reboot"),
    path("machines/<int:vm_id>/reset", vm_verbs.reset, name="vm-reset"),
    path("machines/<int:vm_id>/pause", vm_verbs.pause, name="vm-pause"),
    path("machines/<int:vm_id>/resume", vm_verbs.resume, name="vm-resume"),
    path("machines/<int:vm_id>/delete", vm_verbs.delete, name="vm-delete"),
    path("cells", vms.cells, name="cells"),
    path("tree/<int:branch_id>", tree.show, name="tree"),
    path("hosts", hosts.index, name="hosts"),
    path("templates", templates.index, name="templates"),
    path("templates/build", templates.build, name="template-build"),
    path("projects", projects.index, name="projects"),
    path("projects/new", projects.create, name="project-new"),
    path("activity", activity.index, name="activity"),
    path("jobs", jobs.index, name="jobs"),
    path("jobs/drawer", jobs.drawer, name="jobs-drawer"),
    path("jobs/<int:job_id>/cancel", jobs.cancel, name="job-cancel"),
    path("jobs/<int:job_id>/retry", jobs.retry, name="job-retry"),
    path("jobs/<int:job_id>/dismiss", jobs.dismiss, name="job-dismiss"),
    path("account", account.index, name="account"),
    path("account/password", session.set_password, name="set-password"),
    path("account/tokens", account.add_token, name="token-new"),
    path("account/tokens/<int:token_id>/revoke", account.drop_token, name="token-revoke"),
    path("sign-in", session.sign_in, name="sign-in"),
    path("sign-in/link/<str:secret>", session.link, name="sign-in-link"),
    path("sign-out", session.sign_out, name="sign-out"),
    path("csp-report", csrf_exempt(reports.receive), name="csp-report"),
]
