"""Hypervisors recognised by the names they give their machines."""

from __future__ import annotations

import re

_PRODUCTS = (
    ("vmware", "VMware"),
    ("virtualbox", "VirtualBox"),
    ("innotek", "VirtualBox"),
    ("qemu", "QEMU"),
    ("standard pc (", "QEMU"),
    ("kvm", "KVM"),
    ("bochs", "Bochs"),
    ("parallels virtual", "Parallels"),
    ("xen", "Xen"),
    ("hvm domu", "Xen"),
    ("openstack", "OpenStack"),
    ("ovirt", "KVM"),
    ("rhev", "KVM"),
    ("google compute engine", "Google Compute Engine"),
    ("alibaba cloud ecs", "Alibaba Cloud"),
    ("bhyve", "bhyve"),
    ("cloud hypervisor", "Cloud Hypervisor"),
    ("firecracker", "Firecracker"),
    ("apple virtualization", "Apple Virtualization"),
    ("virtualmac", "Apple Virtualization"),
    ("droplet", "DigitalOcean"),
)


def hypervisor_from_names(vendor: str | None, product: str | None) -> str | None:
    """The hypervisor whose machines carry this vendor and product name, ``None`` for real machines.

    Hyper-V is "Microsoft Corporation / Virtual Machine" (Surface computers share the vendor); Amazon's
    "Amazon EC2" is a virtual machine unless the instance type ends in ``metal``.
    """
    text = f"{vendor or ''} {product or ''}".casefold()
    if "microsoft" in text and "virtual machine" in text:
        return "Hyper-V"
    if "amazon ec2" in text:
        return None if "metal" in text else "Amazon EC2"
    for mark, name in _PRODUCTS:
        if re.search(rf"(?<![a-z]){re.escape(mark)}(?![a-z])", text):
            return name
    return None
