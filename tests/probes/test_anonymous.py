"""Nothing that names a machine or a person comes out of a capture: serials, UUIDs, host names, addresses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from advisor.report.rig_text import probe_text
from probes.capture import rig_from_captures
from probes.probe import probe_rig
from probes.rigfile import rig_to_json

GPU = Path(__file__).parents[1] / "fixtures" / "gpu"
SECRETS = (
    *("SERIAL-7731", "ASSET-0042", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "GPU-aaaaaaaa-bbbb-cccc"),
    *("alices-workstation", "aa:bb:cc:dd:ee:ff", "00-11-22-33-44-55-66-77", "0xDEADBEEF77310042"),
    *("C02XSERIAL", "192.168.7.31", "alice@example.org"),
)
SERIAL, ASSET, UUID, GPU_UUID, HOST, MAC, PCI_SERIAL, UNIQUE, APPLE, ADDRESS, MAIL = SECRETS

CAPTURES = {
    "dmidecode": f"""# dmidecode 3.4
Handle 0x0001, DMI type 1, 27 bytes
System Information
\tManufacturer: Example
\tProduct Name: Desk One
\tSerial Number: {SERIAL}
\tUUID: {UUID}

Handle 0x0041, DMI type 17, 92 bytes
Memory Device
\tTotal Width: 64 bits
\tData Width: 64 bits
\tSize: 16 GB
\tLocator: DIMM_A1
\tType: DDR4
\tSpeed: 3200 MT/s
\tSerial Number: {SERIAL}
\tAsset Tag: {ASSET}
""",
    "udev": f"""E:MEMORY_ARRAY_NUM_DEVICES=1
E:MEMORY_DEVICE_0_SIZE=17179869184
E:MEMORY_DEVICE_0_LOCATOR=DIMM_A1
E:MEMORY_DEVICE_0_TYPE=DDR4
E:MEMORY_DEVICE_0_SPEED_MTS=3200
E:MEMORY_DEVICE_0_SERIAL_NUMBER={SERIAL}
E:MEMORY_DEVICE_0_ASSET_TAG={ASSET}
E:ID_SERIAL={UUID}
""",
    "nvidia-smi -q": f"""==============NVSMI LOG==============
Driver Version : 580.95.05
GPU 00000000:01:00.0
    Product Name                          : NVIDIA GeForce RTX 4090
    Serial Number                         : {SERIAL}
    GPU UUID                              : {GPU_UUID}
    Board ID                              : {UNIQUE}
    FB Memory Usage
        Total                             : 24564 MiB
    Processes
        GPU instance ID                   : N/A
        Name                              : /home/{MAIL}/python
""",
    "nvidia-smi csv": f"name, uuid, serial, memory.total [MiB]\nNVIDIA L4, {GPU_UUID}, {SERIAL}, 23034 MiB\n",
    "exporter": f'nvidia_smi_gpu_info{{name="Tesla T4",uuid="{GPU_UUID}",serial="{SERIAL}"}} 1\n'
    f'nvidia_smi_memory_total_bytes{{uuid="{GPU_UUID}"}} 16106127360\n',
    "rocm-smi": json.dumps(
        {
            "card0": {
                "Card series": "Instinct MI100",
                "Unique ID": UNIQUE,
                "Serial Number": SERIAL,
                "VRAM Total Memory (B)": "34342961152",
            },
            "system": {"Driver version": "6.2.4", "Hostname": HOST},
        }
    ),
    "amd-smi": json.dumps(
        [
            {
                "gpu": 0,
                "asic": {"market_name": "AMD Instinct MI210", "asic_serial": UNIQUE},
                "board": {"product_serial": SERIAL, "fru_id": ASSET},
                "uuid": UUID,
                "vram": {"size": {"value": 65520, "unit": "MB"}},
            }
        ]
    ),
    "system_profiler": json.dumps(
        {
            "SPHardwareDataType": [
                {
                    "chip_type": "Apple M2",
                    "machine_model": "Mac14,2",
                    "physical_memory": "24 GB",
                    "serial_number": APPLE,
                    "platform_UUID": UUID,
                }
            ],
            "SPSoftwareDataType": [{"local_host_name": HOST, "user_name": MAIL}],
        }
    ),
    "system_profiler text": f"""Hardware:

    Hardware Overview:

      Model Name: MacBook Air
      Model Identifier: Mac14,2
      Chip: Apple M2
      Total Number of Cores: 8 (4 performance and 4 efficiency)
      Memory: 24 GB
      Serial Number (system): {APPLE}
      Hardware UUID: {UUID}
""",
    "sysctl": f"hw.memsize: 25769803776\nkern.hostname: {HOST}\nkern.uuid: {UUID}\n"
    "machdep.cpu.brand_string: Apple M2\n",
    "cim": json.dumps(
        [
            {
                "PSComputerName": HOST,
                "SystemName": HOST,
                "Capacity": 17179869184,
                "Speed": 3200,
                "DeviceLocator": "DIMM 0",
                "SerialNumber": SERIAL,
                "Tag": ASSET,
            },
            {
                "Name": "NVIDIA GeForce RTX 4060",
                "AdapterRAM": 4293918720,
                "PNPDeviceID": f"PCI\\VEN_10DE&DEV_2882&SUBSYS_0&REV_A1\\{UNIQUE}",
                "SystemName": HOST,
            },
        ]
    ),
    "wmic": f"AdapterRAM=4293918720\nName=NVIDIA GeForce RTX 4060\nSystemName={HOST}\n"
    f"PNPDeviceID=PCI\\VEN_10DE&DEV_2882&SUBSYS_0&REV_A1\\{UNIQUE}\n",
    "lspci": "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation [10de:2684] (rev a1)\n"
    f"\tCapabilities: [150] Device Serial Number {PCI_SERIAL}\n"
    f"02:00.0 Ethernet controller [0200]: Intel Corporation [8086:15f3]\n\tAddress: {MAC}\n",
    "vulkaninfo": "GPU0:\n\tvendorID = 0x10de\n\tdeviceID = 0x2684\n\tdeviceType = DISCRETE_GPU\n"
    f"\tdeviceName = NVIDIA GeForce RTX 4090\n\tdeviceUUID = {UUID}\n\thost = {HOST} {ADDRESS}\n",
    "lscpu": f"Architecture: x86_64\nCPU(s): 16\nModel name: AMD Ryzen 7 2700X\nHostname: {HOST}\n",
    "cpuinfo": "processor\t: 0\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
    f"Hardware\t: BCM2835\nSerial\t\t: {UNIQUE}\nModel\t\t: Raspberry Pi 4 Model B\n",
    "registry": "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\"
    "{4d36e968-e325-11ce-bfc1-08002be10318}\\0000]\n"
    f'"DriverDesc"="NVIDIA GeForce RTX 3090"\n"MatchingDeviceId"="pci\\\\ven_10de&dev_2204"\n'
    f'"NetCfgInstanceId"="{UUID}"\n"NetworkAddress"="{MAC}"\n',
}


def released(path: Path) -> str:
    """All that is printed of a capture."""
    rig = rig_from_captures([path])
    return rig_to_json(rig) + probe_text(rig)


@pytest.mark.parametrize("kind", CAPTURES)
def test_no_secret_of_any_kind_of_capture_comes_out(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_text(CAPTURES[kind])
    assert any(secret in CAPTURES[kind] for secret in SECRETS)
    text = released(path)
    assert [secret for secret in SECRETS if secret.lower() in text.lower()] == []


def test_no_secret_of_a_system_tree_comes_out(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: avx2\n",
        "proc/meminfo": "MemTotal: 16000000 kB\n",
        "proc/sys/kernel/hostname": HOST,
        "proc/1/environ": f"container=lxc\0HOSTNAME={HOST}\0",
        "proc/self/cgroup": f"0::/user.slice/{UUID}\n",
        "sys/class/dmi/id/product_name": "Desk One",
        "sys/class/dmi/id/product_serial": SERIAL,
        "sys/class/dmi/id/product_uuid": UUID,
        "sys/class/dmi/id/board_asset_tag": ASSET,
        "etc/machine-id": UUID.replace("-", ""),
        "sys/class/net/eth0/address": MAC,
        "sys/bus/pci/devices/0000:03:00.0/class": "0x030000",
        "sys/bus/pci/devices/0000:03:00.0/vendor": "0x1002",
        "sys/bus/pci/devices/0000:03:00.0/device": "0x744c",
        "sys/bus/pci/devices/0000:03:00.0/unique_id": UNIQUE,
    }
    for name, content in files.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    text = released(tmp_path / "tree")
    assert [s for s in (*SECRETS, UUID.replace("-", "")) if s.lower() in text.lower()] == []


UUIDS = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)


@pytest.mark.parametrize("path", sorted(GPU.iterdir()), ids=lambda p: p.name)
def test_no_uuid_of_a_real_capture_comes_out(path: Path) -> None:
    assert not UUIDS.search(released(path))


def test_this_machines_probe_names_neither_user_nor_host() -> None:
    import getpass
    import socket

    rig = probe_rig(use_cache=False)
    text = rig_to_json(rig)
    assert not UUIDS.search(text)
    for name in (getpass.getuser(), socket.gethostname()):
        if len(name) > 4:  # "root" may be a word
            assert name not in text
