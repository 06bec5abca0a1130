"""Every model, so that Django finds them at start."""

from vrabec.models.audit import Audit, Link
from vrabec.models.clusters import Cluster
from vrabec.models.consoles import ConsoleTicket
from vrabec.models.factors import Authenticator, Passkey, RecoveryCode
from vrabec.models.grants import Grant, Withheld
from vrabec.models.hosts import Host
from vrabec.models.identities import Identity
from vrabec.models.jobs import Job, JobLine
from vrabec.models.mail import Mail
from vrabec.models.networks import Network
from vrabec.models.pools import Pool, Volume
from vrabec.models.projects import Project
from vrabec.models.quotas import Quota
from vrabec.models.requests import Request
from vrabec.models.roles import Role
from vrabec.models.screens import VmScreen
from vrabec.models.sessions import Session
from vrabec.models.templates import Template, TemplateCopy
from vrabec.models.users import Group, Membership, Token, User
from vrabec.models.views import SavedView
from vrabec.models.vms import Vm, VmLoad
from vrabec.models.xml import VmXml

__all__ = [
    "Audit",
    "Authenticator",
    "Cluster",
    "ConsoleTicket",
    "Grant",
    "Group",
    "Host",
    "Identity",
    "Job",
    "JobLine",
    "Link",
    "Mail",
    "Membership",
    "Network",
    "Passkey",
    "Pool",
    "Project",
    "Quota",
    "RecoveryCode",
    "Request",
    "Role",
    "SavedView",
    "Session",
    "Template",
    "TemplateCopy",
    "Token",
    "User",
    "Vm",
    "VmLoad",
    "VmScreen",
    "VmXml",
    "Volume",
    "Withheld",
]
