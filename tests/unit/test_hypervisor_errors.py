"""libvirt's errors in our words. The messages are those that libvirt 9.0 and QEMU 7.2 really gave."""

import libvirt
import pytest

from vrabec.hypervisor.errors import FileMissing, translate, translated
from vrabec.lib.errors import (
    Conflict,
    HostError,
    NoCapacity,
    NotFound,
    Unavailable,
    VrabecError,
    WrongState,
)

INTERNAL, SYSTEM, INVALID = (
    libvirt.VIR_ERR_INTERNAL_ERROR,
    libvirt.VIR_ERR_SYSTEM_ERROR,
    libvirt.VIR_ERR_OPERATION_INVALID,
)
QEMU_IMG = "internal error: Child process (/usr/bin/qemu-img create /p/x) unexpected exit status 1: "
DIED = "internal error: qemu unexpectedly closed the monitor: 2026-11-21T00:03:33.59Z qemu-system-x86_64: "
CASES: dict[str, tuple[int, str, type[VrabecError], str]] = {
    "unshared": (libvirt.VIR_ERR_MIGRATE_UNSAFE,
                 "Unsafe migration: Migration without shared storage is unsafe",
                 HostError, "share, such as NFS or GlusterFS: Migration without shared storage is unsafe."),
    "no userfaultfd": (INTERNAL, "internal error: unable to execute QEMU command 'migrate-set-capabilities': "
                       "Postcopy is not supported", HostError, "vm.unprivileged_userfaultfd to 1 on both"),
    "closed port": (SYSTEM, "unable to connect to server at 'kvm2:49152': Connection refused",
                    HostError, "does not reach kvm2:49152: Connection refused."),
    "lost": (INTERNAL, "internal error: client socket is closed", Unavailable, "broke off"),
    "hung": (INTERNAL, "connection closed due to keepalive timeout", Unavailable, "broke off"),
    "end": (SYSTEM, "End of file while reading data: Input/output error", Unavailable, "broke off"),
    "reset": (SYSTEM, "Cannot recv data: Connection reset by peer", Unavailable, "broke off"),
    "refused": (SYSTEM, "Failed to connect socket to '/run/libvirt/libvirt-sock': Connection refused",
                Unavailable, "does not run"),
    "absent": (SYSTEM, "Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory",
               Unavailable, "does not run"),
    "socket": (SYSTEM, "Failed to connect socket to '/run/libvirt/libvirt-sock': Permission denied",
               Unavailable, "group libvirt"),
    "polkit": (libvirt.VIR_ERR_AUTH_UNAVAILABLE,
               "authentication unavailable: no polkit agent available to authenticate action",
               Unavailable, "group libvirt"),
    "ssh": (SYSTEM, "Cannot recv data: Host key verification failed.: Connection reset by peer",
            Unavailable, "not the confirmed one"),
    "busy": (libvirt.VIR_ERR_OPERATION_TIMEOUT,
             "Timed out during operation: cannot acquire state change lock", Unavailable, "busy"),
    "agent": (libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
              "Guest agent is not responding: QEMU guest agent is not connected", Unavailable, "agent"),
    "full upload": (SYSTEM, "cannot allocate 100 bytes in file '/p/big': No space left on device",
                    NoCapacity, "disk is full"),
    "full clone": (INTERNAL, QEMU_IMG + "qemu-img: /p/x: Could not write header: No space left on device\n",
                   NoCapacity, "disk is full"),
    "full start": (SYSTEM, "cannot write data to file '/var/lib/libvirt/dnsmasq/virbr0.macs.new': "
                           "No space left on device", NoCapacity, "disk is full"),
    "uefi": (libvirt.VIR_ERR_OPERATION_FAILED,
             "operation failed: Unable to find any firmware to satisfy 'efi'", HostError, "package ovmf"),
    "memory": (INTERNAL, DIED + "cannot set up guest memory 'pc.ram': Cannot allocate memory",
               NoCapacity, "free memory"),
    "disk": (SYSTEM, "Cannot access storage file '/p/vm.qcow2' (as uid:64055, gid:64055): "
                     "No such file or directory", FileMissing, "/p/vm.qcow2"),
    "seed": (SYSTEM, "Cannot access storage file '/p/vm.iso': No such file or directory",
             FileMissing, "/p/vm.iso"),
    "backing": (SYSTEM, "Cannot access backing file '/p/base' of storage file '/p/vm' (as uid:0, gid:0): "
                        "No such file or directory", FileMissing, "missing on the host: /p/base"),
    "clone": (SYSTEM, "inaccessible backing store volume /p/base.qcow2: No such file or directory",
              FileMissing, "missing on the host: /p/base.qcow2"),
    "unreadable": (INTERNAL, DIED + "-drive file: Could not open '/p/vm.qcow2': Permission denied",
                   HostError, "may not read a file: /p/vm.qcow2"),
    "name": (libvirt.VIR_ERR_OPERATION_FAILED, "operation failed: domain 'a' already exists with uuid 2f4a",
             Conflict, "name or UUID"),
    "uuid": (libvirt.VIR_ERR_OPERATION_FAILED, "operation failed: domain 'a' is already defined with uuid 2f",
             Conflict, "name or UUID"),
    "volume": (libvirt.VIR_ERR_STORAGE_VOL_EXIST, "storage volume 'a' exists already", Conflict, "volume"),
    "pool": (libvirt.VIR_ERR_OPERATION_FAILED, "operation failed: Storage source conflict with pool: 'vr'",
             Conflict, "pool"),
    "no machine": (libvirt.VIR_ERR_NO_DOMAIN, "Domain not found: no domain with matching uuid 'x'",
                   NotFound, "machine"),
    "no pool": (libvirt.VIR_ERR_NO_STORAGE_POOL, "Storage pool not found: no storage pool with matching name",
                NotFound, "pool"),
    "no network": (libvirt.VIR_ERR_NO_NETWORK, "Network not found: no network with matching name 'office'",
                   HostError, "network office is not on the host"),
    "network off": (INVALID, "Requested operation is not valid: network 'office' is not active",
                    HostError, "virsh net-start office"),
    "junk": (INTERNAL, DIED + '-blockdev {"node-name":"a","file":"b: c"}: Image is not in qcow2 format',
             HostError, "machine started: Image is not in qcow2 format"),
    "silent": (INTERNAL, "internal error: process exited while connecting to monitor",
               HostError, "without saying why"),
    "undead": (SYSTEM, "Failed to terminate process 7 with SIGKILL: Device or resource busy",
               HostError, "cannot end"),
    "volume name": (INVALID, "Requested operation is not valid: volume name 'a/b' cannot contain '/'",
                    HostError, "does not accept the name"),
    "kvm": (INTERNAL, DIED + "Could not access KVM kernel module: Permission denied", HostError, "KVM"),
    "xml": (libvirt.VIR_ERR_XML_ERROR, "XML error: name a/b cannot contain '/'", HostError, "cannot contain"),
    "driver": (libvirt.VIR_ERR_NO_SUPPORT, "this function is not supported by the connection driver: "
                                           "virStorageVolUpload", HostError, "virStorageVolUpload"),
    "state": (INVALID, "Requested operation is not valid: domain is not running", WrongState, "not running"),
    "translated by the host": (libvirt.VIR_ERR_NO_DOMAIN, "Doména nenalezena", NotFound, "machine"),
    "new to us": (4711, "something else entirely", HostError, "something else entirely"),
}  # fmt: skip


def libvirt_error(code: int, message: str) -> libvirt.libvirtError:
    """The binding takes words and details from this thread's last error, if there was one: both are set."""
    error = libvirt.libvirtError(message)
    error.args = (message,)
    error.err = (code, 0, message, libvirt.VIR_ERR_ERROR, "", "", "", 0, 0) if code else None
    return error


@pytest.mark.parametrize("name", CASES)
def test_an_error_of_libvirt_is_said_in_our_words(name: str) -> None:
    code, message, kind, words = CASES[name]
    ours = translate(libvirt_error(code, message))
    assert type(ours) is kind
    assert words in ours.message
    assert ours.raw == message


def test_an_error_without_libvirts_details_is_said_too() -> None:
    """The binding itself raises some, with no code: on a wrong argument, for one."""
    assert translate(libvirt_error(0, "flags are wrong")).message.endswith("flags are wrong")


def test_libvirts_error_is_the_cause() -> None:
    error = libvirt_error(libvirt.VIR_ERR_NO_DOMAIN, "Domain not found")
    with pytest.raises(NotFound) as caught, translated():
        raise error
    assert caught.value.__cause__ is error


def test_other_errors_go_through_as_they_are() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError
