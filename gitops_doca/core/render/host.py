"""Render the volumes and mounts that every driver pod has."""

from typing import Any

DTK_VOLUME = "shared-doca-driver-toolkit"
DTK_DIR = "/mnt/shared-doca-driver-toolkit"
INVENTORY_DIR = "/mnt/drivers-inventory"
"""The mount path, even if the policy sets the variable that names this folder."""

HOST_VOLUMES = (
    ("run-mlnx-ofed", "/run/mellanox/drivers", ""),
    ("etc-network", "/etc/network", ""),
    ("host-etc", "/etc", ""),
    ("host-usr", "/usr", ""),
    ("host-udev", "/lib/udev", ""),
    ("host-run-udev", "/run/udev", ""),
    ("host-lib-modules", "/lib/modules", ""),
    ("drivers-inventory", "/var/opt/mofed-container/inventory", "DirectoryOrCreate"),
    ("host-ib-core", "/etc/modprobe.d/ib_core.conf", "FileOrCreate"),
    ("dev-infiniband", "/dev/infiniband", "DirectoryOrCreate"),
    ("host-proc", "/proc", "Directory"),
    ("host-sys", "/sys", "Directory"),
)
"""Name, path on the host, and hostPath type (empty: not checked)."""

HOST_MOUNTS: tuple[dict[str, Any], ...] = (
    {
        "name": "run-mlnx-ofed",
        "mountPath": "/run/mellanox/drivers",
        "mountPropagation": "Bidirectional",
    },
    {"name": "etc-network", "mountPath": "/etc/network"},
    {"name": "host-etc", "mountPath": "/host/etc"},
    {"name": "host-usr", "mountPath": "/host/usr"},
    {"name": "host-udev", "mountPath": "/host/lib/udev"},
    {"name": "host-run-udev", "mountPath": "/run/udev", "readOnly": True},
    {"name": "host-lib-modules", "mountPath": "/host/lib/modules"},
    {"name": "drivers-inventory", "mountPath": INVENTORY_DIR},
    {"name": "host-ib-core", "mountPath": "/etc/modprobe.d/ib_core.conf"},
    {"name": "dev-infiniband", "mountPath": "/dev/infiniband"},
)
"""Mounts of the driver container, before the pool's own."""
