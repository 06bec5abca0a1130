"""The one door to libvirt. Nothing outside this package imports it."""
