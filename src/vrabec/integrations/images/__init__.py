"""Builders of template images, a folder each: they run ordinary tools on the controller, as its own user.

They know neither Django nor libvirt: a workflow calls one and uploads what it made.
"""
