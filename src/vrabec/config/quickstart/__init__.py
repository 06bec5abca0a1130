"""The second half of scripts/quickstart, once there is a Python: libvirt, user, service, first machine.

Run as root by scripts/quickstart, which keeps a copy of itself in /opt/vrabec for --stop and --remove.
"""
