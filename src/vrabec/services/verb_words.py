"""Verbs in words, as they stand after "may": for refusals, and for why somebody may."""

from __future__ import annotations

from collections.abc import Iterable

WORDS = {
    "vm.view": "see machines",
    "vm.create": "make machines",
    "vm.adopt": "give found machines to a project",
    "vm.pin": "bind machines to hosts",
    "vm.place": "see where a machine would go",
    "vm.describe": "describe machines",
    "vm.rename": "rename machines",
    "vm.resize": "resize machines",
    "vm.clone": "copy machines",
    "vm.extend": "extend leases",
    "vm.start": "start machines",
    "vm.shutdown": "shut machines down",
    "vm.power_off": "power machines off",
    "vm.reboot": "restart machines",
    "vm.reset": "reset machines",
    "vm.pause": "pause machines",
    "vm.resume": "resume machines",
    "vm.hibernate": "hibernate machines",
    "vm.send_keys": "press keys on machines",
    "vm.migrate": "move machines",
    "vm.screen": "see screens of machines",
    "vm.xml": "read the XML of machines",
    "vm.delete": "delete machines",
    "vm.share": "share machines",
    "vm.console": "open consoles",
    "job.view": "see jobs",
    "job.cancel": "cancel jobs",
    "job.retry": "retry jobs",
    "job.dismiss": "dismiss jobs",
    "project.view": "see projects",
    "project.create": "make projects",
    "project.change": "change projects",
    "project.remove": "remove projects",
    "project.share": "share projects",
    "project.lease": "say how long machines stay",
    "site.share": "share the whole site",
    "role.create": "make roles",
    "role.change": "change roles",
    "role.remove": "remove roles",
    "group.list": "see groups",
    "group.create": "make groups",
    "group.change": "change groups",
    "group.remove": "remove groups",
    "user.list": "see who has an account",
    "user.create": "make accounts",
    "user.change": "change accounts",
    "user.remove": "remove accounts",
    "user.sign_out": "end sessions of others",
    "user.factors": "remove second factors of others",
    "quota.view": "see quotas",
    "quota.change": "change quotas",
    "template.build": "build templates",
    "template.share": "say for whom templates are",
    "pool.list": "see storage",
    "network.share": "say for whom networks are",
    "cluster.list": "see clusters",
    "cluster.create": "make clusters",
    "cluster.change": "change clusters",
    "cluster.remove": "remove clusters",
    "cluster.capacity": "see what fits",
    "cluster.balance": "balance clusters",
    "host.list": "list hosts",
    "host.view": "see hosts",
    "host.add": "add hosts",
    "host.look": "look at new hosts",
    "host.change": "change hosts",
    "host.maintain": "put hosts into maintenance",
    "host.resume": "end the maintenance of hosts",
    "host.confirm": "confirm the keys of hosts",
    "host.remove": "remove hosts",
    "mail.list": "see mail that was given up",
    "mail.send": "send mail again",
    "metrics.view": "read measurements",
}
"""Every verb that a role gives; a test asks for each."""
_MOST = 5


def words_of(verb: str) -> str:
    """vm.power_off -> "power machines off"."""
    return WORDS.get(verb, "do this")


def words_of_all(verbs: Iterable[str]) -> str:
    """The first few: "move machines, pause machines and 3 more"."""
    found = [words_of(verb) for verb in verbs]
    more = len(found) - _MOST
    return ", ".join(found[:_MOST]) + (f" and {more} more" if more > 0 else "")
