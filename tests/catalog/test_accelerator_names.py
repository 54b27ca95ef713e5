"""Spellings of accelerators and CPUs, as people and drivers write them."""

from __future__ import annotations

import pytest

from catalog.hardware import find_accelerator, find_cpu, load_accelerators, load_cpus
from catalog.types import LookupFailedError

SPELLINGS = """
4090 = NVIDIA GeForce RTX 4090
rtx4090 = NVIDIA GeForce RTX 4090
RTX 4090 = NVIDIA GeForce RTX 4090
geforce 4090 = NVIDIA GeForce RTX 4090
nvidia 4090 = NVIDIA GeForce RTX 4090
NVIDIA GeForce RTX 4090 = NVIDIA GeForce RTX 4090
rtx 4090 24gb = NVIDIA GeForce RTX 4090
RTX-4090 = NVIDIA GeForce RTX 4090
4090 48gb = NVIDIA GeForce RTX 4090 48GB (modified)
2080ti 22gb = NVIDIA GeForce RTX 2080 Ti 22GB (modified)
rtx 4090 laptop = NVIDIA GeForce RTX 4090 Laptop GPU
rtx4090 laptop = NVIDIA GeForce RTX 4090 Laptop GPU
4090 mobile = NVIDIA GeForce RTX 4090 Laptop GPU
NVIDIA GeForce RTX 4090 Laptop GPU = NVIDIA GeForce RTX 4090 Laptop GPU
4090 max-q = NVIDIA GeForce RTX 4090 Max-Q
4090d = NVIDIA GeForce RTX 4090 D
4090 D = NVIDIA GeForce RTX 4090 D
3090 = NVIDIA GeForce RTX 3090
3090ti = NVIDIA GeForce RTX 3090 Ti
rtx 3090 ti = NVIDIA GeForce RTX 3090 Ti
RTX3090Ti = NVIDIA GeForce RTX 3090 Ti
3060 = NVIDIA GeForce RTX 3060 12GB
RTX 3060 12GB = NVIDIA GeForce RTX 3060 12GB
3060 8gb = NVIDIA GeForce RTX 3060 8GB
3060 laptop = NVIDIA GeForce RTX 3060 Laptop GPU
3060ti = NVIDIA GeForce RTX 3060 Ti
3080 = NVIDIA GeForce RTX 3080
3080 12 gb = NVIDIA GeForce RTX 3080 12GB
4060 ti 16gb = NVIDIA GeForce RTX 4060 Ti 16GB
4060ti 16 = NVIDIA GeForce RTX 4060 Ti 16GB
RTX 4060 Ti 8 GB = NVIDIA GeForce RTX 4060 Ti 8GB
4070 = NVIDIA GeForce RTX 4070
4070 super = NVIDIA GeForce RTX 4070 SUPER
4070 ti = NVIDIA GeForce RTX 4070 Ti
4070ti super = NVIDIA GeForce RTX 4070 Ti SUPER
4070 tisuper = NVIDIA GeForce RTX 4070 Ti SUPER
rtx 4070 laptop 8gb = NVIDIA GeForce RTX 4070 Laptop GPU
5060 = NVIDIA GeForce RTX 5060
5060ti 16gb = NVIDIA GeForce RTX 5060 Ti 16GB
5070ti = NVIDIA GeForce RTX 5070 Ti
5090 = NVIDIA GeForce RTX 5090
5090 laptop = NVIDIA GeForce RTX 5090 Laptop GPU
rtx5090 mobile = NVIDIA GeForce RTX 5090 Laptop GPU
2080ti = NVIDIA GeForce RTX 2080 Ti
2080 super = NVIDIA GeForce RTX 2080 SUPER
gtx 1080 = NVIDIA GeForce GTX 1080
1080 ti = NVIDIA GeForce GTX 1080 Ti
gtx1060 = NVIDIA GeForce GTX 1060 6GB
1060 3gb = NVIDIA GeForce GTX 1060 3GB
1650 ti = NVIDIA GeForce GTX 1650 Ti Mobile
GeForce GTX 1070 Ti = NVIDIA GeForce GTX 1070 Ti
titan v = NVIDIA TITAN V
titan rtx = NVIDIA TITAN RTX
a6000 = NVIDIA RTX A6000
rtx a6000 = NVIDIA RTX A6000
RTX A6000 48GB = NVIDIA RTX A6000
quadro rtx a6000 = NVIDIA RTX A6000
6000 ada = NVIDIA RTX 6000 Ada Generation
rtx 6000 ada = NVIDIA RTX 6000 Ada Generation
rtx 4000 ada = NVIDIA RTX 4000 Ada Generation
quadro rtx 6000 = NVIDIA Quadro RTX 6000
rtx pro 6000 = NVIDIA RTX PRO 6000 Blackwell
6000 pro = NVIDIA RTX PRO 6000 Blackwell
pro 6000 blackwell = NVIDIA RTX PRO 6000 Blackwell
NVIDIA RTX PRO 6000 Blackwell Workstation Edition = NVIDIA RTX PRO 6000 Blackwell
rtx pro 6000 max-q = NVIDIA RTX PRO 6000 Blackwell Max-Q
RTX PRO 6000 Blackwell Server Edition = NVIDIA RTX PRO 6000 Blackwell Server Edition
rtx a4500 laptop = NVIDIA RTX A4500 Laptop GPU
quadro p2000 = NVIDIA Quadro P2000
p2000 = NVIDIA Quadro P2000
t1000 8gb = NVIDIA T1000 8GB
p40 = NVIDIA Tesla P40
tesla p40 24gb = NVIDIA Tesla P40
p100 16gb = NVIDIA Tesla P100 PCIe 16GB
Tesla V100-PCIE-32GB = NVIDIA Tesla V100 PCIe 32GB
Tesla V100-SXM2-16GB = NVIDIA Tesla V100 SXM2 16GB
k80 = NVIDIA Tesla K80
m40 24gb = NVIDIA Tesla M40 24GB
t4 = NVIDIA Tesla T4
Tesla T4 = NVIDIA Tesla T4
a10g = NVIDIA A10G
a40 = NVIDIA A40
l4 = NVIDIA L4
l40 = NVIDIA L40
l40s = NVIDIA L40S
l20 48gb = NVIDIA L20
NVIDIA A100-SXM4-80GB = NVIDIA A100 SXM4 80GB
a100 sxm 80gb = NVIDIA A100 SXM4 80GB
a100 pcie 40gb = NVIDIA A100 PCIe 40GB
NVIDIA A100 80GB PCIe = NVIDIA A100 PCIe 80GB
NVIDIA H100 80GB HBM3 = NVIDIA H100 SXM5 80GB
h100 pcie = NVIDIA H100 PCIe 80GB
h100 nvl = NVIDIA H100 NVL
h200 = NVIDIA H200 SXM 141GB
b200 = NVIDIA B200
gb10 = NVIDIA GB10 (DGX Spark)
dgx spark = NVIDIA GB10 (DGX Spark)
NVIDIA GB10 = NVIDIA GB10 (DGX Spark)
agx orin = NVIDIA Jetson AGX Orin 64GB
orin nano super = NVIDIA Jetson Orin Nano Super 8GB
jetson thor = NVIDIA Jetson AGX Thor
7900xtx = AMD Radeon RX 7900 XTX
7900 xtx = AMD Radeon RX 7900 XTX
RX7900XTX = AMD Radeon RX 7900 XTX
Radeon RX 7900 XTX = AMD Radeon RX 7900 XTX
7900 xt = AMD Radeon RX 7900 XT
7900 gre = AMD Radeon RX 7900 GRE
rx 6700 = AMD Radeon RX 6700
6700xt = AMD Radeon RX 6700 XT
6700m = AMD Radeon RX 6700M
6800 xt = AMD Radeon RX 6800 XT
9070xt = AMD Radeon RX 9070 XT
9060 xt 16gb = AMD Radeon RX 9060 XT 16GB
rx 580 = AMD Radeon RX 580
vega 64 = AMD Radeon RX Vega 64
radeon vii = AMD Radeon VII
w7900 = AMD Radeon PRO W7900
r9700 = AMD Radeon AI PRO R9700
ai pro r9700 = AMD Radeon AI PRO R9700
mi50 = AMD Instinct MI50
instinct mi50 32gb = AMD Instinct MI50 32GB
Radeon Instinct MI60 = AMD Instinct MI60
mi300x = AMD Instinct MI300X
780m = AMD Radeon 780M
890m = AMD Radeon 890M
strix halo = AMD Ryzen AI Max+ 395 (Radeon 8060S)
strixhalo = AMD Ryzen AI Max+ 395 (Radeon 8060S)
Ryzen AI Max+ 395 = AMD Ryzen AI Max+ 395 (Radeon 8060S)
ai max 395 = AMD Ryzen AI Max+ 395 (Radeon 8060S)
AMD Ryzen AI Max+ 395 (Radeon 8060S) = AMD Ryzen AI Max+ 395 (Radeon 8060S)
8060s = AMD Ryzen AI Max+ 395 (Radeon 8060S)
Radeon 8060S (iGPU) = AMD Ryzen AI Max+ 395 (Radeon 8060S)
AMD Radeon 8050S = AMD Ryzen AI Max 390 (Radeon 8050S)
a770 = Intel Arc A770
arc a770 16gb = Intel Arc A770
a770m = Intel Arc A770M
b580 = Intel Arc B580
Intel Arc B580 = Intel Arc B580
arc pro b60 = Intel Arc Pro B60
b70 = Intel Arc Pro B70
140v = Intel Arc 140V
M3 Max 40-core = Apple M3 Max 40-core GPU
m3max 40 = Apple M3 Max 40-core GPU
m3 max 40 = Apple M3 Max 40-core GPU
apple m3 max 30 core gpu = Apple M3 Max 30-core GPU
m4 max 36gb = Apple M4 Max 32-core GPU
m1 = Apple M1 8-core GPU
m1 7-core = Apple M1 7-core GPU
m1 max = Apple M1 Max 32-core GPU
m2 ultra = Apple M2 Ultra 76-core GPU
m2 ultra 60 = Apple M2 Ultra 60-core GPU
m4 = Apple M4 10-core GPU
m4pro = Apple M4 Pro 20-core GPU
m5 max 40 = Apple M5 Max 40-core GPU
"""

AMBIGUOUS = {
    "m3 max": ("Apple M3 Max 30-core GPU", "Apple M3 Max 40-core GPU"),
    "M4 Max": ("Apple M4 Max 32-core GPU", "Apple M4 Max 40-core GPU"),
    "rtx 40": ("NVIDIA GeForce RTX 4060", "NVIDIA GeForce RTX 4070"),
    "4060 ti": ("NVIDIA GeForce RTX 4060 Ti 8GB", "NVIDIA GeForce RTX 4060 Ti 16GB"),
    "rx 79": ("AMD Radeon RX 7900 GRE", "AMD Radeon RX 7900 XTX"),
    "a100": ("NVIDIA A100 PCIe 40GB", "NVIDIA A100 SXM4 80GB"),
    "h100": ("NVIDIA H100 PCIe 80GB", "NVIDIA H100 SXM5 80GB"),
    "v100": ("NVIDIA Tesla V100 PCIe 16GB", "NVIDIA Tesla V100 SXM2 32GB"),
    "rtx 6000": ("NVIDIA Quadro RTX 6000", "NVIDIA RTX 6000 Ada Generation"),
    "9060 xt": ("AMD Radeon RX 9060 XT 8GB", "AMD Radeon RX 9060 XT 16GB"),
    "orin": ("NVIDIA Jetson AGX Orin 64GB", "NVIDIA Jetson Orin NX 16GB"),
    "nvidia": ("NVIDIA A2", "NVIDIA A10"),
}

WRONG = {
    "gtx 4090": "NVIDIA GeForce RTX 4090",
    "amd 4090": "NVIDIA GeForce RTX 4090",
    "rx 4090": "NVIDIA GeForce RTX 4090",
    "409": None,
    "4091": None,
    "rtx 30900": None,
    "4090 32gb": "NVIDIA GeForce RTX 4090",
    "4090 ti": "NVIDIA GeForce RTX 4090",
    "nvidia 7900 xtx": "AMD Radeon RX 7900 XTX",
    "radeon 9700": "AMD Radeon AI PRO R9700",
    "m3 max 38": None,
    "m9 max": None,
    "7900 xtxx": "AMD Radeon RX 7900 XTX",
    "voodoo 2": None,
    "": None,
}


def _table(text: str) -> list[tuple[str, str]]:
    return [tuple(part.strip() for part in line.split(" = ")) for line in text.strip().splitlines()]  # type: ignore[misc]


@pytest.mark.parametrize(("spelling", "name"), _table(SPELLINGS))
def test_a_spelling_finds_its_card(spelling: str, name: str) -> None:
    assert find_accelerator(spelling).name == name


@pytest.mark.parametrize("spelling", AMBIGUOUS)
def test_a_name_of_several_cards_lists_them(spelling: str) -> None:
    with pytest.raises(LookupFailedError, match="is ambiguous") as caught:
        find_accelerator(spelling)
    assert caught.value.ambiguous
    assert set(AMBIGUOUS[spelling]) <= set(caught.value.candidates)


@pytest.mark.parametrize("spelling", WRONG)
def test_a_wrong_name_is_refused_with_near_ones(spelling: str) -> None:
    with pytest.raises(LookupFailedError) as caught:
        find_accelerator(spelling)
    assert not caught.value.ambiguous
    meant = WRONG[spelling]
    assert meant is None or meant in caught.value.candidates


def test_the_memory_size_tells_variants_apart() -> None:
    assert find_accelerator("RTX 4060 Ti", memory_gib=15.99).name == "NVIDIA GeForce RTX 4060 Ti 16GB"
    assert find_accelerator("RTX 4060 Ti", memory_gib=7.6).name == "NVIDIA GeForce RTX 4060 Ti 8GB"
    assert find_accelerator("Apple M4 Max", memory_gib=36).name == "Apple M4 Max 32-core GPU"
    with pytest.raises(LookupFailedError):
        find_accelerator("RTX 4060 Ti", memory_gib=24)


def test_variants_that_differ_in_memory_only_can_count_as_one() -> None:
    assert find_accelerator("RTX 5060 Ti", any_memory=True).name == "NVIDIA GeForce RTX 5060 Ti 16GB"
    with pytest.raises(LookupFailedError):
        find_accelerator("Apple M4 Max", any_memory=True)  # the bins differ in bandwidth


def test_every_name_and_alias_of_the_table_resolves_to_its_own_row() -> None:
    wrong = [
        (name, found.name)
        for card in load_accelerators()
        for name in (card.name, card.name.lower(), *card.aliases)
        if (found := find_accelerator(name)) is not card
    ]
    assert wrong == []


CPU_SPELLINGS = """
7950x = AMD Ryzen 9 7950X
Ryzen 9 7950X = AMD Ryzen 9 7950X
ryzen 7950x3d = AMD Ryzen 9 7950X3D
AMD Ryzen 9 7950X 16-Core Processor = AMD Ryzen 9 7950X
5600 = AMD Ryzen 5 5600
5600x = AMD Ryzen 5 5600X
ryzen 5 5600 = AMD Ryzen 5 5600
9800x3d = AMD Ryzen 7 9800X3D
epyc 9554 = AMD EPYC 9554
EPYC 7763 = AMD EPYC 7763
AMD EPYC 7282 16-Core Processor = AMD EPYC 7282
threadripper pro 7995wx = AMD Ryzen Threadripper PRO 7995WX
AMD Ryzen Threadripper 7980X 64-Cores = AMD Ryzen Threadripper 7980X
3970x = AMD Ryzen Threadripper 3970X
12900k = Intel Core i9-12900K
i9 12900k = Intel Core i9-12900K
12900 = Intel Core i9-12900
12th Gen Intel(R) Core(TM) i9-12900K = Intel Core i9-12900K
i5-12400f = Intel Core i5-12400F
14700 = Intel Core i7-14700
Intel(R) Core(TM) i7-3770K CPU @ 3.50GHz = Intel Core i7-3770K
2680v4 = Intel Xeon E5-2680 v4
e5-2680 v4 = Intel Xeon E5-2680 v4
Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz = Intel Xeon E5-2680 v4
E5-2680 = Intel Xeon E5-2680
xeon 8480+ = Intel Xeon Platinum 8480+
gold 6454S = Intel Xeon Gold 6454S
w9-3495x = Intel Xeon w9-3495X
ultra 9 285k = Intel Core Ultra 9 285K
Intel(R) Core(TM) Ultra 7 155H = Intel Core Ultra 7 155H
n100 = Intel N100
AMD RYZEN AI MAX+ 395 w/ Radeon 8060S = AMD Ryzen AI Max+ 395
AMD Ryzen AI 9 HX 370 w/ Radeon 890M = AMD Ryzen AI 9 HX 370
AMD Ryzen 7 7840U w/ Radeon  780M Graphics = AMD Ryzen 7 7840U
m3 max 16-core = Apple M3 Max 16-core
Apple M1 = Apple M1
m1 max = Apple M1 Max
m1 pro 10-core = Apple M1 Pro 10-core
raspberry pi 5 = Raspberry Pi 5
Raspberry Pi 5 8GB = Raspberry Pi 5
A192-32X = AmpereOne A192-32X
"""


@pytest.mark.parametrize(("spelling", "name"), _table(CPU_SPELLINGS))
def test_a_spelling_finds_its_cpu(spelling: str, name: str) -> None:
    assert find_cpu(spelling).name == name


@pytest.mark.parametrize(
    "spelling", ["7950", "epyc", "core i9", "12999", "q6599", "apple m3 max", "nonsense"]
)
def test_what_is_not_one_cpu_is_refused(spelling: str) -> None:
    with pytest.raises(LookupFailedError):
        find_cpu(spelling)


def test_every_cpu_resolves_to_itself() -> None:
    assert [cpu.name for cpu in load_cpus() if find_cpu(cpu.name) is not cpu] == []
