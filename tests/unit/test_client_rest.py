"""The client keeps up with the controller: its operations, schemas, errors, sizes and units."""

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import vrabec.lib.errors as theirs
from vrabec.lib.errors import Invalid
from vrabec.lib.units import parse_mib, show_mib
from vrabec.services.sizes import SIZES as OFFERED
from vrabec_client import Client, errors, fleet, people, schemas
from vrabec_client.cli import amounts

OPENAPI: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs/reference/openapi.json").read_text())
"""As scripts/check holds it up to date; to make it takes seconds."""
SCHEMAS: dict[str, Any] = OPENAPI["components"]["schemas"]
SAME = {
    "About": schemas.About,
    "Me": people.Me,
    "TokenOut": people.Token,
    "NewToken": people.NewToken,
    "VmOut": schemas.Vm,
    "VmPage": schemas.VmPage,
    "VmJob": schemas.VmJob,
    "ActionOut": schemas.VmResults,
    "ResultOut": schemas.VmResult,
    "VmXmlOut": schemas.VmXml,
    "ViewOut": schemas.View,
    "ConsoleOut": schemas.ConsoleTicket,
    "Asked": schemas.Asked,
    "ScreenOut": schemas.Screen,
    "CurveOut": schemas.Curve,
    "HistoryOut": schemas.History,
    "JobOut": schemas.Job,
    "Told": schemas.Told,
    "MaintenancePlan": fleet.MaintenancePlan,
    "MoveOut": fleet.MaintenanceMove,
    "StayOut": fleet.MaintenanceStay,
    "TargetOut": schemas.Target,
    "TargetList": schemas.TargetList,
    "JobPage": schemas.JobPage,
    "StepOut": schemas.Step,
    "LineOut": schemas.Line,
    "TemplateOut": schemas.Template,
    "HostOut": fleet.Host,
    "ClusterOut": fleet.Cluster,
    "ClusterChange": fleet.ClusterWish,
    "ClusterCapacityOut": fleet.ClusterCapacity,
    "HostCapacityOut": fleet.HostCapacity,
    "WorstOut": fleet.Worst,
    "SizeRoomOut": fleet.SizeRoom,
    "BaselineOut": fleet.Baseline,
    "HeldOut": fleet.HeldBack,
    "BalanceOut": fleet.Balance,
    "ProposedOut": fleet.ProposedMove,
    "StuckOut": fleet.Stuck,
    "WantedIn": fleet.WantedMove,
    "MovedOut": fleet.Moved,
    "PlaceIn": schemas.PlaceWish,
    "PlacementOut": fleet.Placement,
    "VerdictOut": fleet.HostVerdict,
    "LossOut": fleet.Loss,
    "LookOut": fleet.Look,
    "FoundOut": fleet.Found,
    "KeyOut": fleet.SshKey,
    "ProjectOut": people.Project,
    "LeaseOut": people.Lease,
    "RequestOut": people.Request,
    "MailOut": people.Mail,
    "AccountOut": people.Account,
    "NewAccount": people.NewAccount,
    "AccountChange": people.AccountWish,
    "RoleOnSite": people.RoleOnSite,
    "SignInLink": people.SignInLink,
    "SessionOut": people.Session,
    "SignedOut": people.SignedOut,
    "NetworkOut": fleet.Network,
    "WayOut": people.Way,
    "KeptOut": people.Kept,
    "ReachedOut": people.Reached,
    "PeoplePage": people.PeoplePage,
    "PoolOut": fleet.Pool,
    "VolumeOut": fleet.Volume,
    "VolumePage": fleet.VolumePage,
    "GroupOut": people.Group,
    "RoleOut": people.Role,
    "GrantOut": people.Grant,
    "WithheldOut": people.Withheld,
    "OwnerOut": people.Owner,
    "WhyOut": people.Why,
    "BudgetOut": people.Budget,
    "LimitsOut": people.Limits,
    "LimitsIn": people.QuotaWish,
    "TakenOut": people.Taken,
    "AuditOut": people.Activity,
    "AuditPage": people.ActivityPage,
}


def test_every_operation_is_a_method() -> None:
    operations = {one["operationId"] for path in OPENAPI["paths"].values() for one in path.values()}
    assert operations - set(dir(Client)) == set()


@pytest.mark.parametrize("name", sorted(SAME))
def test_a_schema_has_the_fields_that_the_interface_gives(name: str) -> None:
    assert set(get_type_hints(SAME[name])) == set(SCHEMAS[name]["properties"])


def test_no_schema_that_the_interface_gives_is_forgotten() -> None:
    given_back = {name for name in SCHEMAS if not name.endswith("In")}
    assert given_back - set(SAME) == {
        "Error",
        "ErrorBody",
        "ErrorDetail",
        "Login",
        "RoleChange",
        "RoleFactor",
    }


def test_all_a_new_machine_can_be_asked_for_can_be_asked_for_here() -> None:
    assert {"name", *get_type_hints(schemas.VmWish)} == set(SCHEMAS["VmIn"]["properties"])


def _tree(kind: type[Exception]) -> set[type[Any]]:
    return {kind, *(below for child in kind.__subclasses__() for below in _tree(child))}


def test_every_code_of_the_controller_is_a_class_here() -> None:
    assert {kind.code for kind in _tree(theirs.VrabecError)} - {"error"} <= set(errors.BY_CODE)


def test_every_class_is_known_by_its_code() -> None:
    known = set(errors.BY_CODE.values())
    assert {kind for kind in _tree(errors.VrabecError) if "code" in vars(kind)} == {
        errors.VrabecError,
        *known,
    }


def test_an_error_says_again_all_that_the_controller_said() -> None:
    said = {"code": "conflict", "message": "Taken.", "field": "name", "raw": "libvirt: no", "job": 7}
    said |= {"errors": [{"field": "name", "message": "Taken."}]}
    error = errors.from_answer(409, {"error": said})
    assert isinstance(error, errors.Conflict)
    assert error.body() == {"error": said}


def test_sizes_are_those_that_the_pages_offer() -> None:
    offered = {size.name: (size.cpus, size.memory_mib, size.disk_mib) for size in OFFERED}
    assert {name: tuple(size) for name, size in amounts.SIZES.items()} == offered


@given(st.from_regex(r"\A\s?[0-9]{0,5}(\.[0-9]{0,4})?\s?(|[kmgtKMGT](i?[bB])?|x)\s?\Z"))
def test_amounts_are_read_as_the_pages_read_them(text: str) -> None:
    try:
        expected: object = parse_mib(text, "memory")
    except Invalid:
        expected = "refused"
    assert _read(text) == expected


def _read(text: str) -> object:
    import click

    try:
        return amounts.amount(None, None, text)  # type: ignore[arg-type]
    except click.BadParameter:
        return "refused"


@given(st.integers(min_value=0, max_value=2**40))
def test_amounts_are_shown_as_the_pages_show_them(mib: int) -> None:
    assert amounts.show_mib(mib) == show_mib(mib)


def test_the_description_covers_every_route_and_error() -> None:
    for path, operations in OPENAPI["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (path, method)
            assert operation["description"], (path, method)
            assert {"401", "404", "409", "422"} <= {str(code) for code in operation["responses"]}
