"""What the quickstart asks of the database. Runs as user vrabec, since nobody else may read it."""

from __future__ import annotations

import os
import sys

TOKEN = "quickstart"  # noqa: S105 - the name of one
LOCAL = "qemu:///system"


def main(ask: str) -> None:
    """Print a token, or the machines on other hosts."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vrabec.config.settings")
    import django

    django.setup()
    lines = {"token": _token, "elsewhere": _elsewhere}[ask]()
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _token() -> list[str]:
    """A token for the quickstart's own calls; those of runs that broke off end."""
    from vrabec.services import people, tokens

    actor = people.actor_of(people.create_administrator("admin"))
    for old in tokens.list_tokens(actor).filter(name=TOKEN):
        tokens.revoke_token(actor, token_id=old.pk)
    return [tokens.create_token(actor, name=TOKEN, days=1)[1]]


def _elsewhere() -> list[str]:
    from vrabec.models.vms import Vm

    rows = Vm.objects.present().filter(is_managed=True).exclude(host__uri=LOCAL).exclude(host=None)
    return [f"{name} on {host}" for name, host in rows.values_list("domain_name", "host__name")]


if __name__ == "__main__":
    main(sys.argv[1])
