"""Live a small life with this version of Vrabec, and keep what its database then holds as SQL.

Everything is lived through REST on a real host, on SQLite and on PostgreSQL: machines that run, are off,
deleted, foreign, and one that could not be made; people, of whom no route makes any yet, come from `people`.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import vrabec
from tests.e2e.controller import REPOSITORY, Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.postgres import PrivatePostgres, program

KEPT = Path(__file__).parents[1] / "data/upgrade"
HOME = "/srv/vrabec"
"""Where it was lived, for who reads the rows later: the test's own folder means nothing."""
_PEOPLE = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "vrabec.config.settings"
import django
django.setup()
from vrabec.models.grants import Grant
from vrabec.models.projects import Project
from vrabec.models.roles import OWNER, VIEWER
from vrabec.models.users import User
from vrabec.services.people import actor_of
from vrabec.services.tokens import create_token
biology = Project.objects.get(name="biology")
for name, full, role in (("olga", "Olga Žluťoučká", OWNER), ("tom", "", VIEWER)):
    user = User.objects.create_user(name, "correct horse battery", full_name=full)
    Grant.objects.create(user=user, project=biology, role=role)
    create_token(actor_of(user), name="laptop")
"""


def main() -> None:
    """Keep this version's database, of both kinds."""
    folder = KEPT / vrabec.__version__
    folder.mkdir(parents=True, exist_ok=True)
    with Controller() as controller:
        live(controller)
        keep(folder / "sqlite.sql", dumped_sqlite(controller.data / "vrabec.sqlite3"), controller)
    cluster = PrivatePostgres().start()
    try:
        with Controller(database=cluster.url()) as controller:
            live(controller)
            keep(folder / "postgresql.sql", dumped_postgresql(cluster), controller)
    finally:
        cluster.stop()


def live(controller: Controller) -> None:
    """The life; in its end the controller is stopped, as for an upgrade, and its machines run on."""
    on_host = OnHost(controller.host)
    with controller.client() as client:
        machines = Machines(client)
        client.create_project("biology", title="Biologie")
        run(controller, _PEOPLE)
        machines.create("web", project="biology")
        db = machines.create("db")
        machines.ended(client.power_off_vm(db["id"])["job"]["id"])
        gone = machines.create("gone")
        machines.ended(client.delete_vm(gone["id"])["job"]["id"])
        controller.host.fill_disk()
        machines.ended(client.create_vm("unlucky")["job"]["id"])
        controller.host.free_disk()
        client.revoke_token(client.create_token("spare")["id"])
        with on_host.foreign("legacy"):
            machines.create("late")
            controller.stop()


def run(controller: Controller, code: str) -> None:
    """Run code with this controller's settings."""
    environment = os.environ | {"VRABEC_CONFIG": str(controller.root / "vrabec.toml")}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY, env=environment)


def dumped_sqlite(file: Path) -> str:
    """The database as SQL; sessions are nobody's business."""
    connection = sqlite3.connect(file)
    connection.execute("DELETE FROM vrabec_session")
    return "\n".join(connection.iterdump()) + "\n"


def dumped_postgresql(cluster: PrivatePostgres) -> str:
    """The same of PostgreSQL."""
    options = ["-h", str(cluster.directory), "-U", "postgres", "--no-owner", "--no-privileges"]
    options += ["--inserts", "--exclude-table-data=vrabec_session", "postgres"]
    dump = subprocess.run([program("pg_dump"), *options], check=True, stdout=subprocess.PIPE, text=True)
    # Commands of psql, which later versions add to guard it; the rest is SQL.
    words = ("\\restrict", "\\unrestrict")
    return "".join(f"{line}\n" for line in dump.stdout.splitlines() if not line.startswith(words))


def keep(path: Path, text: str, controller: Controller) -> None:
    """Write it, without the names of the test's own folders."""
    for place in (str(controller.root), quote(str(controller.root), safe="")):
        text = text.replace(place, HOME)
    path.write_text(text)
    print(f"{path.relative_to(Path.cwd())}: {len(text) // 1024} KiB")


if __name__ == "__main__":
    if not shutil.which("unshare") or os.geteuid():
        sys.exit("keep-release: a host of its own needs root")
    main()
