from __future__ import annotations

import random
from ipaddress import ip_address, ip_network

import pytest

from netdoctor.redact.addresses import Addresses
from netdoctor.redact.bits import BitMap

SECRETS = [f"secret {n}".encode() for n in range(8)]


def addresses(*known: str, subnets: tuple[tuple[str, int], ...] = (), secret: bytes = b"x") -> Addresses:
    return Addresses(secret, known, subnets)


def common(a: int, b: int, width: int) -> int:
    return width - (a ^ b).bit_length()


@pytest.mark.parametrize("secret", SECRETS)
def test_it_is_a_permutation_that_keeps_prefixes(secret: bytes) -> None:
    bits = BitMap(16, secret, [(0b0000, 4)], [(0b1010, 4)])
    images = [bits(number) for number in range(1 << 16)]
    assert len(set(images)) == 1 << 16
    rng = random.Random(1)
    for _ in range(2000):
        a, b = rng.randrange(1 << 16), rng.randrange(1 << 16)
        assert common(images[a], images[b], 16) == common(a, b, 16)
    assert images[: 1 << 12] == list(range(1 << 12)), "a kept block"
    assert {image >> 12 for image in images[0xA000:0xB000]} == {0xA}, "a class"


@pytest.mark.parametrize("secret", SECRETS)
def test_ranges_hold_the_same_numbers_as_before(secret: bytes) -> None:
    bits = BitMap(12, secret, [], [])
    low, high = 0x123, 0x7F0
    bits.keep_range(low, high)
    inside = {number for number in range(1 << 12) if bits(low) <= bits(number) <= bits(high)}
    assert inside == set(range(low, high + 1))


@pytest.mark.parametrize("secret", SECRETS)
def test_classes_stay_and_what_means_something_stays(secret: bytes) -> None:
    found = addresses(secret=secret)
    for text in (
        "0.0.0.0",
        "127.0.0.53",
        "255.255.255.255",
        "255.255.0.0",
        "224.0.0.18",
        "169.254.1.1",
        "::",
        "::1",
        "ff02::1",
    ):
        assert found.ip(text) == text
    for text in ("10.1.2.3", "172.20.1.1", "192.168.77.4", "100.64.3.2"):
        assert any(ip_address(text) in block and ip_address(found.ip(text)) in block for block in CLASSES)
    for text in ("8.8.8.8", "11.2.3.4", "172.32.0.1", "193.0.0.1", "100.128.0.1"):
        assert ip_address(found.ip(text)).is_global
    assert found.ip("fe80::42:aff:fe00:1").startswith("fe80::")
    assert found.ip("fd12:3456::1").startswith("fd")
    assert found.lladdr("ff:ff:ff:ff:ff:ff") == "ff:ff:ff:ff:ff:ff"
    assert found.lladdr("00:00:00:00:00:00") == "00:00:00:00:00:00"
    assert found.lladdr("0e:11:22:33:44:55").startswith("0e:")


CLASSES = [ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_subnet_keeps_its_hosts_its_network_and_its_broadcast(secret: bytes) -> None:
    found = addresses(subnets=(("10.244.1.7", 24),), secret=secret)
    network = ip_network(found.text("10.244.1.0/24"))
    hosts = {found.ip(f"10.244.1.{n}") for n in range(256)}
    assert hosts == {str(address) for address in network}
    assert found.ip("10.244.1.255") == str(network.broadcast_address)
    assert found.ip("10.244.1.1") == str(network.network_address + 1)
    assert ip_address(found.ip("10.244.2.1")) not in network


def test_no_replaced_address_is_one_that_there_was() -> None:
    texts = [f"10.96.{n}.10 10.244.{n}.1/24" for n in range(20)]
    found = addresses(*texts)
    before = {f"10.96.{n}.10" for n in range(20)} | {f"10.244.{n}.1" for n in range(20)}
    assert not {found.ip(text) for text in before} & before


def test_an_lladdr_made_from_an_address_goes_on_to_agree_with_it() -> None:
    found = addresses()
    image = found.lladdr("02:42:0a:01:02:03")
    assert image[:6] == "02:42:"
    assert str(ip_address(bytes.fromhex(image[6:].replace(":", "")))) == found.ip("10.1.2.3")


def test_the_lladdr_of_a_tunnel_is_its_address() -> None:
    found = addresses()
    assert str(ip_address(bytes.fromhex(found.lladdr("c0:a8:32:01").replace(":", "")))) == found.ip(
        "192.168.50.1"
    )


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3",
        "1.2.3.4.5",
        "10.0.0.256",
        "12:30:45",
        "--dports 10:20",
        "ab:cd",
        "v10.1.2.3x",
        "std::string",
    ],
)
def test_what_is_no_address_stays(text: str) -> None:
    assert addresses().text(text) == text


def test_addresses_are_found_wherever_they_stand() -> None:
    found = addresses()
    one, six, mac = found.ip("10.1.2.3"), found.ip("fd00:1::2"), found.lladdr("0e:00:00:00:00:02")
    text = "10.1.2.3:80, [fd00:1::2]:80 (0e:00:00:00:00:02) x_10.1.2.3/32."
    assert found.text(text) == f"{one}:80, [{six}]:80 ({mac}) x_{one}/32."
