"""The test lab: hypervisor hosts in namespaces of this machine, and small daemons that play a fleet."""

from tests.lab.fleet import TestFleetHost
from tests.lab.host import LabError, LabHost
from tests.lab.switch import LabSwitch

__all__ = ["LabError", "LabHost", "LabSwitch", "TestFleetHost"]
