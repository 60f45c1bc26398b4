"""SecureData: what it refuses, and what survives what."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script_rig import OPEN

from sim.device.catalogue import load_model
from sim.device.secure_store import SIZES, SecureStore
from sim.flash.nor import Nor
from sim.flash.torn import Torn
from sim.kernel.power import PowerLoss

STORE = """\
    import SecureData
    print(SecureData.Store(0, b'x', 1), SecureData.Store(17, b'x', 1), SecureData.Store(1, b'x' * 60, 53))
    print(SecureData.Read(0, bytearray(9), 9), SecureData.Read(3, bytearray(9), 9))
    print(SecureData.Store(1, bytearray(b'first'), 5), SecureData.Store(16, 'y' * 1000, 1000))
    buffer = bytearray(9)
    print(SecureData.Read(1, buffer, 9), bytes(buffer))
    """


def region():
    model = load_model("EG915U")
    return model.regions(Nor(model.part)).secure


def test_2_9_indexes_lengths_and_content(run):
    script = run(STORE)
    assert script.printed == ["-1 -1 -1", "-1 -2", "0 0", "5 b'first\\x00\\x00\\x00\\x00'"]


def test_2_9_families_without_it_have_no_such_module(run):
    script = run(STORE, model="BG95")
    assert [error for _, error, _ in script.tracebacks] == ["ImportError"]


def test_2_9_it_survives_a_wiped_file_system_and_a_power_cut(run):
    script = run(STORE)
    device = script.device
    device.power_cut()
    for volume in device.regions.volumes.values():
        volume.erase(0, volume.size_bytes)
    device.power_on()
    script.run(20)
    assert not device.mounts.exists("/usr/main.py")
    assert SecureStore(device.regions.secure).read(1) == b"first"


def test_2_9_it_survives_a_firmware_upgrade(run, upgrade):
    (package,), version = upgrade("EG915U")
    main = f"""\
import SecureData, fota, modem, utime
if modem.getDevFwVersion() != '{version}':
    utime.sleep(15)
    print(SecureData.Store(9, 'kept', 4))
    print(fota().httpDownload(url1='{OPEN}a.pack'))
else:
    buffer = bytearray(4)
    print(SecureData.Read(9, buffer, 4), buffer)
"""
    printed = run(main, seconds=900, objects={"a.pack": package}).printed
    assert printed == ["0", "0", "4 bytearray(b'kept')"]


@given(st.lists(st.tuples(st.sampled_from(sorted(SIZES)), st.binary(max_size=52)), max_size=12))
def test_it_holds_what_was_stored_last(stored):
    store, kept = SecureStore(region()), {}
    for index, data in stored:
        store.store(index, data)
        kept[index] = data
    for index in SIZES:
        assert store.read(index) == kept.get(index)


@pytest.mark.parametrize("torn", list(Torn))
@pytest.mark.parametrize("at_op", range(17))
def test_a_power_cut_leaves_the_old_or_the_new_state(at_op, torn):
    place = region()
    store = SecureStore(place)
    store.store(1, b"old")
    store.store(2, b"other")
    place.nor.arm_cut(at_op, torn, seed=zlib.crc32(bytes([at_op])))
    try:
        store.store(1, b"new")
    except PowerLoss:
        place.nor.power_on()
    place.nor.disarm()
    assert store.read(1) in (b"old", b"new")
    assert store.read(2) == b"other"
