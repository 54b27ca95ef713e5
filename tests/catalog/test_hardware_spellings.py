"""More spellings of hardware: abbreviations, nicknames, machines around a chip, and near misses."""

from __future__ import annotations

import pytest

from catalog.hardware import find_accelerator, find_cpu
from catalog.types import LookupFailedError

CARDS = """
ryzen z1 = AMD Ryzen Z1 (Radeon 740M)
ryzen z1 extreme = AMD Ryzen Z1 Extreme (Radeon 780M)
ryzen z2 = AMD Ryzen Z2 (Radeon 780M)
z2 extreme = AMD Ryzen Z2 Extreme (Radeon 890M)
arc b370 = Intel Arc B370
arc b390 = Intel Arc B390
t4g = NVIDIA Tesla T4G
tesla t4 = NVIDIA Tesla T4
quadro rtx 6000 mobile = NVIDIA Quadro RTX 6000 Mobile
quadro rtx 6000 = NVIDIA Quadro RTX 6000
radeon 740m = AMD Radeon 740M
radeon 780m = AMD Radeon 780M
rx 580x = AMD Radeon RX 580X
rx 570x = AMD Radeon RX 570X
rx 560 896sp = AMD Radeon RX 560 896SP
radeon pro v320 = AMD Radeon Pro V320
pro v340 16gb = AMD Radeon Pro V340 16GB
rx 5600 oem = AMD Radeon RX 5600 OEM
tesla p10 = NVIDIA Tesla P10
p10 = NVIDIA Tesla P10
gtx 1050 max-q = NVIDIA GeForce GTX 1050 Max-Q
quadro p4000 max-q = NVIDIA Quadro P4000 Max-Q
quadro t2000 max-q = NVIDIA Quadro T2000 Max-Q
quadro t1200 mobile = NVIDIA T1200 Laptop GPU
geforce 840m = NVIDIA GeForce 840M
930mx = NVIDIA GeForce 930MX
gtx 745 oem = NVIDIA GeForce GTX 745 OEM
nvs 810 = NVIDIA NVS 810
tenstorrent n150 = Tenstorrent Wormhole n150
n150d = Tenstorrent Wormhole n150
wormhole n300 = Tenstorrent Wormhole n300
rx7900xtx = AMD Radeon RX 7900 XTX
radeon 7900 xtx = AMD Radeon RX 7900 XTX
rx 7900xt = AMD Radeon RX 7900 XT
rtx4060ti 16 = NVIDIA GeForce RTX 4060 Ti 16GB
4060 ti 8 = NVIDIA GeForce RTX 4060 Ti 8GB
a100 80 pcie = NVIDIA A100 PCIe 80GB
a100 pcie 80gb = NVIDIA A100 PCIe 80GB
a100 80gb sxm = NVIDIA A100 SXM4 80GB
m4 pro 20 = Apple M4 Pro 20-core GPU
m4 pro 16 core = Apple M4 Pro 16-core GPU
m4 max 40 core = Apple M4 Max 40-core GPU
m5 pro 20 = Apple M5 Pro 20-core GPU
m5 10 core = Apple M5 10-core GPU
m3 ultra 80 = Apple M3 Ultra 80-core GPU
arc b580 = Intel Arc B580
intel b580 = Intel Arc B580
b570 = Intel Arc B570
b50 = Intel Arc Pro B50
a750 = Intel Arc A750
arc a380 = Intel Arc A380
mi50 32gb = AMD Instinct MI50 32GB
mi50 16gb = AMD Instinct MI50
mi60 = AMD Instinct MI60
mi100 = AMD Instinct MI100
mi210 = AMD Instinct MI210
mi250x = AMD Instinct MI250X
mi325x = AMD Instinct MI325X
mi355x = AMD Instinct MI355X
jetson orin nano super = NVIDIA Jetson Orin Nano Super 8GB
orin nano super 8gb = NVIDIA Jetson Orin Nano Super 8GB
orin nx 16gb = NVIDIA Jetson Orin NX 16GB
xavier nx = NVIDIA Jetson Xavier NX
agx xavier = NVIDIA Jetson AGX Xavier
jetson nano = NVIDIA Jetson Nano 4GB
gx10 = NVIDIA GB10 (DGX Spark)
rtx3090 24g = NVIDIA GeForce RTX 3090
rtx 3090 24gb = NVIDIA GeForce RTX 3090
geforce rtx 3090 = NVIDIA GeForce RTX 3090
3080 10gb = NVIDIA GeForce RTX 3080
3080ti laptop = NVIDIA GeForce RTX 3080 Ti Laptop GPU
3070 ti = NVIDIA GeForce RTX 3070 Ti
3050 laptop = NVIDIA GeForce RTX 3050 Laptop GPU
rtx 3050 8gb = NVIDIA GeForce RTX 3050 8GB
rtx 3050 6gb = NVIDIA GeForce RTX 3050 6GB
rtx 2060 12gb = NVIDIA GeForce RTX 2060 12GB
2060 super = NVIDIA GeForce RTX 2060 SUPER
2070s = NVIDIA GeForce RTX 2070 SUPER
2080 ti 11gb = NVIDIA GeForce RTX 2080 Ti
titan xp = NVIDIA TITAN Xp
titan x pascal = NVIDIA TITAN X Pascal
gtx titan x = NVIDIA GeForce GTX TITAN X
gtx 970 = NVIDIA GeForce GTX 970
gtx980ti = NVIDIA GeForce GTX 980 Ti
980 ti = NVIDIA GeForce GTX 980 Ti
gtx 960 4gb = NVIDIA GeForce GTX 960
750 ti = NVIDIA GeForce GTX 750 Ti
gt 1030 = NVIDIA GeForce GT 1030
gtx 1050ti = NVIDIA GeForce GTX 1050 Ti
1050 ti laptop = NVIDIA GeForce GTX 1050 Ti Mobile
1070ti = NVIDIA GeForce GTX 1070 Ti
1660 super = NVIDIA GeForce GTX 1660 SUPER
1660s = NVIDIA GeForce GTX 1660 SUPER
1660ti = NVIDIA GeForce GTX 1660 Ti
p2200 = NVIDIA Quadro P2200
p4000 = NVIDIA Quadro P4000
p5000 = NVIDIA Quadro P5000
p6000 = NVIDIA Quadro P6000
m6000 24gb = NVIDIA Quadro M6000 24GB
quadro gv100 = NVIDIA Quadro GV100
gp100 = NVIDIA Quadro GP100
quadro m4000 = NVIDIA Quadro M4000
k2200 = NVIDIA Quadro K2200
t400 = NVIDIA T400
t600 = NVIDIA T600
t1000 = NVIDIA T1000
a2000 12gb = NVIDIA RTX A2000 12GB
rtx a2000 = NVIDIA RTX A2000
rtx a4000 = NVIDIA RTX A4000
rtx a4500 = NVIDIA RTX A4500
rtx a5000 = NVIDIA RTX A5000
rtx a5500 = NVIDIA RTX A5500
rtx 5000 ada = NVIDIA RTX 5000 Ada Generation
4000 sff ada = NVIDIA RTX 4000 SFF Ada Generation
rtx 2000 ada = NVIDIA RTX 2000 Ada Generation
rtx pro 4000 = NVIDIA RTX PRO 4000 Blackwell
rtx pro 4500 = NVIDIA RTX PRO 4500 Blackwell
rtx pro 5000 72gb = NVIDIA RTX PRO 5000 Blackwell 72GB
rtx pro 2000 = NVIDIA RTX PRO 2000 Blackwell
p102-100 = NVIDIA P102-100
p106-100 = NVIDIA P106-100
p104-100 8gb = NVIDIA P104-100
cmp 170hx = NVIDIA CMP 170HX 8GB
cmp 100-210 = NVIDIA CMP 100-210
cmp 90hx = NVIDIA CMP 90HX
v100 32gb sxm2 = NVIDIA Tesla V100 SXM2 32GB
v100 sxm2 16 = NVIDIA Tesla V100 SXM2 16GB
h20 = NVIDIA H20 96GB
b300 = NVIDIA B300 SXM 288GB
l4 24gb = NVIDIA L4
rx 6800 = AMD Radeon RX 6800
rx6900xt = AMD Radeon RX 6900 XT
6950 xt = AMD Radeon RX 6950 XT
6600 xt = AMD Radeon RX 6600 XT
rx 6500 xt = AMD Radeon RX 6500 XT
5700xt = AMD Radeon RX 5700 XT
rx 5600 xt = AMD Radeon RX 5600 XT
rx 5500 xt 8gb = AMD Radeon RX 5500 XT 8GB
rx 480 4gb = AMD Radeon RX 480 4GB
rx480 = AMD Radeon RX 480
rx 570 8gb = AMD Radeon RX 570
rx 590 = AMD Radeon RX 590
rx 560 = AMD Radeon RX 560
vega56 = AMD Radeon RX Vega 56
vega frontier = AMD Radeon Vega Frontier Edition
w6800 = AMD Radeon PRO W6800
w7800 48gb = AMD Radeon PRO W7800 48GB
wx 7100 = AMD Radeon Pro WX 7100
pro vii = AMD Radeon Pro VII
v620 = AMD Radeon PRO V620
9070 = AMD Radeon RX 9070
9070 gre = AMD Radeon RX 9070 GRE
rx 9060 = AMD Radeon RX 9060
8060s graphics = AMD Ryzen AI Max+ 395 (Radeon 8060S)
ai max+ 395 128gb = AMD Ryzen AI Max+ 395 (Radeon 8060S)
framework desktop = AMD Ryzen AI Max+ 395 (Radeon 8060S)
780m igpu = AMD Radeon 780M
680m = AMD Radeon 680M
steam deck oled = AMD Steam Deck OLED (Sephiroth)
z1 extreme = AMD Ryzen Z1 Extreme (Radeon 780M)
iris xe = Intel Iris Xe Graphics
uhd 770 = Intel UHD Graphics 770
uhd 630 = Intel UHD Graphics 630
hd 530 = Intel HD Graphics 530
arc 140t = Intel Arc 140T
lunar lake igpu = Intel Arc 140V
meteor lake igpu = Intel Arc Graphics (Core Ultra 100H)
b390 = Intel Arc B390
snapdragon x elite = Qualcomm Adreno X1-85 (Snapdragon X Elite)
pi 5 = Broadcom VideoCore VII (Raspberry Pi 5)
raspberry pi 4 = Broadcom VideoCore VI (Raspberry Pi 4)
m1 ultra 64 = Apple M1 Ultra 64-core GPU
m2 pro 19 = Apple M2 Pro 19-core GPU
m2 max 38 core = Apple M2 Max 38-core GPU
apple m2 max 96gb = Apple M2 Max 38-core GPU
m3 pro 18 = Apple M3 Pro 18-core GPU
m3 max 128gb = Apple M3 Max 40-core GPU
m4 max 128gb = Apple M4 Max 40-core GPU
mac studio m3 ultra = Apple M3 Ultra 80-core GPU
macbook air m2 = Apple M2 10-core GPU
m1 8gb = Apple M1 8-core GPU
m1 pro 16gb = Apple M1 Pro 16-core GPU
4090 desktop = NVIDIA GeForce RTX 4090
5090 32gb = NVIDIA GeForce RTX 5090
rtx 5070 ti 16gb = NVIDIA GeForce RTX 5070 Ti
5070 laptop = NVIDIA GeForce RTX 5070 Laptop GPU
5080 laptop = NVIDIA GeForce RTX 5080 Laptop GPU
5050 = NVIDIA GeForce RTX 5050
rtx5060 = NVIDIA GeForce RTX 5060
4050 laptop = NVIDIA GeForce RTX 4050 Laptop GPU
4080s = NVIDIA GeForce RTX 4080 SUPER
4080 super = NVIDIA GeForce RTX 4080 SUPER
4070ts = NVIDIA GeForce RTX 4070 Ti SUPER
4070 ti super 16gb = NVIDIA GeForce RTX 4070 Ti SUPER
n300 = Tenstorrent Wormhole n300
p150a = Tenstorrent Blackhole p150a
tenstorrent p150 = Tenstorrent Blackhole p150a
gaudi 3 = Intel Gaudi 3
3080 20gb = NVIDIA GeForce RTX 3080 20GB (modified)
4090d 48gb = NVIDIA GeForce RTX 4090 D 48GB (modified)
2080ti 22g = NVIDIA GeForce RTX 2080 Ti 22GB (modified)
a800 80gb pcie = NVIDIA A800 PCIe 80GB
rtx 8000 = NVIDIA Quadro RTX 8000
quadro rtx 5000 = NVIDIA Quadro RTX 5000
a16 = NVIDIA A16
a2 = NVIDIA A2
l40s 48gb = NVIDIA L40S
mx150 = NVIDIA GeForce MX150
mx450 = NVIDIA GeForce MX450
gtx 1650 super = NVIDIA GeForce GTX 1650 SUPER
gtx 1650 laptop = NVIDIA GeForce GTX 1650 Mobile
980m = NVIDIA GeForce GTX 980M
970m = NVIDIA GeForce GTX 970M
gtx 1070 8gb = NVIDIA GeForce GTX 1070
gtx 1080 8gb = NVIDIA GeForce GTX 1080
1080ti 11gb = NVIDIA GeForce GTX 1080 Ti
radeon pro w7900 = AMD Radeon PRO W7900
radeon pro 5500m = AMD Radeon Pro 5500M
instinct mi25 = AMD Instinct MI25
rx 580 8gb = AMD Radeon RX 580
rx580 2048sp = AMD Radeon RX 580 2048SP
"""

CPUS = """
2x xeon e5-2697a v4 = Intel Xeon E5-2697A v4
2 x epyc 9175f = AMD EPYC 9175F
dual epyc 9654 = AMD EPYC 9654
dual xeon e5-2690 v4 = Intel Xeon E5-2690 v4
xeon 8480+ x2 = Intel Xeon Platinum 8480+
xeon 8480+ x1 = Intel Xeon Platinum 8480+
2x xeon gold 6454s = Intel Xeon Gold 6454S
10x raspberry pi cm5 16gb = Raspberry Pi CM5
2x raspberry pi 5 8gb = Raspberry Pi 5
4x ryzen ai max+ 395 (framework desktop cluster 512gb) = AMD Ryzen AI Max+ 395
sifive p550 (hifive premier) = ESWIN EIC7700X (SiFive P550)
eic7700x = ESWIN EIC7700X (SiFive P550)
dc-roma risc-v ii (eswin 8-core) = ESWIN EIC7702X (DC-ROMA RISC-V II)
core 2 quad q8400 (optiplex 780) = Intel Core 2 Quad Q8400
q6600 = Intel Core 2 Quad Q6600
graviton5 = AWS Graviton5
xeon 6990e+ = Intel Xeon 6990E+
7700x = AMD Ryzen 7 7700X
5950x = AMD Ryzen 9 5950X
13900k = Intel Core i9-13900K
epyc 9654 = AMD EPYC 9654
tr pro 7995wx = AMD Ryzen Threadripper PRO 7995WX
threadripper 7970x = AMD Ryzen Threadripper 7970X
3990x = AMD Ryzen Threadripper 3990X
1950x = AMD Ryzen Threadripper 1950X
2990wx = AMD Ryzen Threadripper 2990WX
5995wx = AMD Ryzen Threadripper PRO 5995WX
7965wx = AMD Ryzen Threadripper PRO 7965WX
9995wx = AMD Ryzen Threadripper PRO 9995WX
ryzen 5600g = AMD Ryzen 5 5600G
5700g = AMD Ryzen 7 5700G
8700g = AMD Ryzen 7 8700G
8600g = AMD Ryzen 5 8600G
9700x = AMD Ryzen 7 9700X
9950x3d = AMD Ryzen 9 9950X3D
9600x = AMD Ryzen 5 9600X
3700x = AMD Ryzen 7 3700X
3600 = AMD Ryzen 5 3600
2700x = AMD Ryzen 7 2700X
1700 = AMD Ryzen 7 1700
i7 8700k = Intel Core i7-8700K
i7-9700k = Intel Core i7-9700K
9900k = Intel Core i9-9900K
10900k = Intel Core i9-10900K
10700 = Intel Core i7-10700
11900k = Intel Core i9-11900K
i5 11400 = Intel Core i5-11400
12600k = Intel Core i5-12600K
12700k = Intel Core i7-12700K
13600k = Intel Core i5-13600K
14600k = Intel Core i5-14600K
14900k = Intel Core i9-14900K
14900ks = Intel Core i9-14900KS
i9-14900k = Intel Core i9-14900K
i3-12100f = Intel Core i3-12100F
i5 13400 = Intel Core i5-13400
265k = Intel Core Ultra 7 265K
245k = Intel Core Ultra 5 245K
ultra 7 265k = Intel Core Ultra 7 265K
155h = Intel Core Ultra 7 155H
258v = Intel Core Ultra 7 258V
185h = Intel Core Ultra 9 185H
7840hs = AMD Ryzen 7 7840HS
7940hs = AMD Ryzen 9 7940HS
8845hs = AMD Ryzen 7 8845HS
6800h = AMD Ryzen 7 6800H
5800h = AMD Ryzen 7 5800H
4800h = AMD Ryzen 7 4800H
hx 370 = AMD Ryzen AI 9 HX 370
ai 9 365 = AMD Ryzen AI 9 365
e5 2690 v4 = Intel Xeon E5-2690 v4
e5-2697v2 = Intel Xeon E5-2697 v2
e5 2670 = Intel Xeon E5-2670
xeon gold 6248 = Intel Xeon Gold 6248
gold 6230 = Intel Xeon Gold 6230
platinum 8280 = Intel Xeon Platinum 8280
silver 4210 = Intel Xeon Silver 4210
w5-2455x = Intel Xeon w5-2455X
w-2195 = Intel Xeon W-2195
xeon 6980p = Intel Xeon 6980P
epyc 7742 = AMD EPYC 7742
epyc 7502p = AMD EPYC 7502P
epyc 7302 = AMD EPYC 7302
7551p = AMD EPYC 7551P
7f72 = AMD EPYC 7F72
9124 = AMD EPYC 9124
9684x = AMD EPYC 9684X
9755 = AMD EPYC 9755
epyc 4564p = AMD EPYC 4564P
m2 pro 12 = Apple M2 Pro 12-core
m4 max 16 = Apple M4 Max 16-core
m4 pro 14 = Apple M4 Pro 14-core
n150 = Intel N150
n305 = Intel Core i3-N305
j4125 = Intel Celeron J4125
fx-8350 = AMD FX-8350
2600k = Intel Core i7-2600K
4790k = Intel Core i7-4790K
6700k = Intel Core i7-6700K
7700k = Intel Core i7-7700K
5820k = Intel Core i7-5820K
raspberry pi 4 = Raspberry Pi 4
altra q80-30 = Ampere Altra Q80-30
graviton 3 = AWS Graviton3
intel 12700 = Intel Core i7-12700
i7 12700h = Intel Core i7-12700H
i7-1260p = Intel Core i7-1260P
i7-1185g7 = Intel Core i7-1185G7
8250u = Intel Core i5-8250U
i7-6700hq = Intel Core i7-6700HQ
"""

NEARLY = {
    "rtx 4900": "NVIDIA GeForce RTX 4090",
    "rtx 3900": "NVIDIA GeForce RTX 3090",
    "rx 7990 xtx": "AMD Radeon RX 7900 XTX",
    "gtx 2080": "NVIDIA GeForce RTX 2080",
    "rtx 1080": "NVIDIA GeForce GTX 1080",
    "arc b850": "Intel Arc B580",
    "rtx 5095": "NVIDIA GeForce RTX 5090",
    "arc a780": "Intel Arc A770",
    "rtx 5070 super": "NVIDIA GeForce RTX 5070",
    "7900 xxt": "AMD Radeon RX 7900 XTX",
    "rx 7900 xtz": "AMD Radeon RX 7900 XTX",
    "l45s": "NVIDIA L40S",
    "a600": "NVIDIA RTX A6000",
    "mi300z": "AMD Instinct MI300X",
    "mi500": "AMD Instinct MI50",
    "rtx pro 7000": "NVIDIA RTX PRO 6000 Blackwell",
    "xpu-hbm5": "xPU-HBM4",
    "jetson orin mini": "NVIDIA Jetson Orin NX 8GB",
    "rtx 3065": "NVIDIA GeForce RTX 3060 12GB",
    "9070 xtx": "AMD Radeon RX 9070 XT",
    "tesla p45": "NVIDIA Tesla P40",
    "m4 ultra": "Apple M3 Ultra 80-core GPU",
}
"""Names of nothing, and the card that must be among the suggestions."""

NEARLY_CPUS = {
    "14950k": "Intel Core i9-14900K",
    "7959x": "AMD Ryzen 9 7950X",
    "ryzen 9 7960x": "AMD Ryzen 9 7950X",
    "i9 13950k": "Intel Core i9-13900K",
    "ryzen 7 5900x3d": "AMD Ryzen 7 5800X3D",
    "ultra 9 295k": "Intel Core Ultra 9 285K",
}


def _table(text: str) -> list[tuple[str, ...]]:
    return [tuple(line.split(" = ")) for line in text.strip().splitlines()]


@pytest.mark.parametrize(("spelling", "name"), _table(CARDS))
def test_a_spelling_finds_its_card(spelling: str, name: str) -> None:
    assert find_accelerator(spelling).name == name


@pytest.mark.parametrize(("spelling", "name"), _table(CPUS))
def test_a_spelling_finds_its_cpu(spelling: str, name: str) -> None:
    assert find_cpu(spelling).name == name


@pytest.mark.parametrize("text", ["EPYC 56-core DDR4", "laptop, 64GB RAM (README)", "dual socket NUMA", ""])
def test_a_text_that_names_no_product_finds_none(text: str) -> None:
    with pytest.raises(LookupFailedError):
        find_cpu(text)


@pytest.mark.parametrize("spelling", NEARLY)
def test_a_slip_is_no_match_but_suggests_the_card(spelling: str) -> None:
    with pytest.raises(LookupFailedError) as caught:
        find_accelerator(spelling)
    assert not caught.value.ambiguous
    assert NEARLY[spelling] in caught.value.candidates


def test_swapped_digits_suggest_the_card_first() -> None:
    for slip in ("rtx 4900", "rtx 3900", "arc b850"):
        with pytest.raises(LookupFailedError) as caught:
            find_accelerator(slip)
        assert caught.value.candidates[0] == NEARLY[slip]


@pytest.mark.parametrize("spelling", NEARLY_CPUS)
def test_a_slip_is_no_match_but_suggests_the_cpu(spelling: str) -> None:
    with pytest.raises(LookupFailedError) as caught:
        find_cpu(spelling)
    assert not caught.value.ambiguous
    assert NEARLY_CPUS[spelling] in caught.value.candidates


@pytest.mark.parametrize("spelling", ["7700", "9900x", "7900x"])
def test_a_number_of_two_makers_lists_both(spelling: str) -> None:
    with pytest.raises(LookupFailedError) as caught:
        find_cpu(spelling)
    assert caught.value.ambiguous
    assert {name.split()[0] for name in caught.value.candidates} == {"AMD", "Intel"}
    assert len(caught.value.candidates) == 2
