"""Install: from a Python environment to a machine that answers. Every step may find its work done."""

from __future__ import annotations

import socket
import time

from vrabec.config.files import Config
from vrabec.config.quickstart import account, first, service
from vrabec.config.quickstart.libvirtd import ensure_libvirt, ensure_network
from vrabec.config.quickstart.made import PREFIX, Made
from vrabec.config.quickstart.say import LOG, say, step
from vrabec.config.quickstart.shell import has_systemd
from vrabec.config.tls import fingerprint
from vrabec_client.fleet import Host
from vrabec_client.schemas import Vm

_NO_KVM = "emulated: no KVM here"


def up(port: int | None, name: str, began: float) -> None:
    """Do steps 3 to 9 and say what there is now. Raises Failed, VrabecError."""
    made = Made.read()
    made.name = name or made.name
    made.write()
    config = _prepare(port, made)
    host, vm = _populate(config, made)
    _tell(config, made, host, vm, time.time() - began)


def _prepare(port: int | None, made: Made) -> Config:
    with step(3, "User vrabec and its settings"):
        account.ensure_account(made)
        config, changed = account.ensure_settings(port)
    with step(4, "libvirt and its network") as at:
        at.note = ensure_libvirt(made)
        ensure_network(made)
        account.require_libvirt()
    with step(5, "Database and certificate"):
        if changed:
            service.stop()
        account.as_user(service.VRABECD, "migrate", advice="The database is not ready: look at the log.")
    with step(6, f"Vrabec on port {config.port}") as at:
        _start(config)
        at.note = "" if has_systemd() else "in the background: systemd does not run here"
    return config


def _start(config: Config) -> None:
    if not service.is_running():
        service.require_port(config.listen, config.port)
        service.start()
    first.wait_until_up(config)


def _populate(config: Config, made: Made) -> tuple[Host, Vm]:
    client = first.connect(config)
    with step(7, "This machine as a host") as at:
        host = first.ensure_host(client, made)
        at.note = "KVM" if host["domain_type"] == "kvm" else _NO_KVM
    with step(8, "Template tiny"):
        first.ensure_template(client)
    with step(9, "Machine first, until its guest answers") as at:
        vm = first.ensure_machine(client)
        at.note = vm["address"] or vm["label"].lower()
    first.forget_token(client)
    return host, vm


def _tell(config: Config, made: Made, host: Host, vm: Vm, seconds: float) -> None:
    url = f"https://{made.name or _address()}:{config.port}"
    advice = "No sign-in link could be made: run `vrabecd create-admin`."
    asked = (service.VRABECD, "create-admin", "admin", "--url", url)
    link = account.as_user(*asked, advice=advice, is_secret=True).split()[-1]
    state = f"answers at {vm['address'] or 'no address yet'}" if vm["ready"] else f"is {vm['label'].lower()}"
    say(
        f"""
Vrabec is ready after {seconds:.0f} s: {url}

  Sign in here, once, within an hour; you then set a password of your own:
    {link}
  The browser warns of a certificate it does not know. Go on if its SHA-256 fingerprint is
    {fingerprint(config.certificate_path)}

  Machine {vm["name"]} {state}.{_about_speed(host)}
  User vrabec is in group libvirt, which on this machine equals root: guard it likewise.

  Check it    sudo vrabecd doctor
  Stop it     sudo {PREFIX}/quickstart --stop      (machines go on)
  Remove it   sudo {PREFIX}/quickstart --remove    (machine first, and all that this made)
  Details     {LOG}"""
    )


def _about_speed(host: Host) -> str:
    if host["domain_type"] == "kvm":
        return ""
    return " Guests are emulated here, as KVM does not work: slow, fine for a look."


def _address() -> str:
    """The address on the way out, by which others probably reach us. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
