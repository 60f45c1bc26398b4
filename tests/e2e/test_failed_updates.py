"""Updates that cannot work: the cloud's record tells the truth, and the old firmware still boots."""

import pytest
from upgrade_bench import NEW, OLD, ROOT

from sim.device.peek import installed_version, read_file

PACK = "{bucket: qpyota, key: EG915UEUAB_V0002-V0003.pack}"
APP = "{bucket: qpyota, key: a.py}"
DEMO = ROOT / "scenarios" / "apps" / "aws_ota"


def demo_app():
    """Our own demo application in place of the vendor's sample."""
    return {path.name: path.read_bytes() for path in DEMO.iterdir() if path.is_file()}


def assert_old_firmware_boots(done):
    boots = done.device.boots
    done.power_cycle()
    assert done.device.boots == boots + 1
    assert done.device.version == OLD
    assert installed_version(done.device) == OLD


@pytest.mark.parametrize("transport", ["memory", "virtual"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"faults": f"[{{corrupt_object: {PACK}}}]"}, 505),
        ({"faults": f"[{{url_expired: {PACK}}}]"}, 723),
        ({"faults": f"[{{object_missing: {PACK}}}]"}, 723),
        ({"base": "EG915UEUABR03A19M08_OCPU_QPY"}, 507),
    ],
    ids=["corrupt package", "expired URL", "missing object", "wrong base version"],
)
def test_a_firmware_update_that_cannot_work_is_reported_failed(bench, transport, change, code):
    done = bench(transport=transport, **change).run_until_finished()
    assert done.status("jobfota") == "FAILED"
    assert done.kinds("fota.failed")[0]["code"] == code
    assert [r["reason"] for r in done.kinds("reset") if r["reason"] == "fota"] == []
    assert_old_firmware_boots(done)


def test_a_package_for_another_family_is_refused(bench, tmp_path):
    from sim.device.catalogue import load_model
    from sim.pack.build import build_diff
    from sim.pack.firmware import Firmware, synthesize

    model = load_model("EG915U")
    old, new = (
        Firmware("another family", version, synthesize(model.family, version, model.image_bytes).images)
        for version in (OLD, NEW)
    )
    (tmp_path / "other.pack").write_bytes(build_diff(old, new, model.image_places))
    made = bench()
    made.world.account.artifacts.put("qpyota", "EG915UEUAB_V0002-V0003.pack", (tmp_path / "other.pack").read_bytes())
    done = made.run_until_finished()
    assert done.status("jobfota") == "FAILED"
    assert done.kinds("fota.failed")[0]["code"] == 552
    assert_old_firmware_boots(done)


@pytest.mark.parametrize("fault", ["url_expired", "object_missing"])
def test_application_files_that_cannot_be_had_are_reported_failed(bench, fault):
    done = bench(faults=f"[{{{fault}: {APP}}}]").run_until_finished()
    assert (done.status("jobfota"), done.status("jobappota")) == ("SUCCEEDED", "FAILED")
    assert b"1.0" in read_file(done.device, "/usr/a.py")


BIG = "#" * 60_000
"""A new a.py that the volume below has no room to stage."""


def full_volume(app):
    """Files that fill 320 of the 384 KiB of /usr, and the application's."""
    return {f"filler{n}.bin": bytes(64 * 1024) for n in range(5)} | app


def test_a_full_usr_leaves_the_samples_job_where_it_truthfully_stands(bench):
    """The sample does not catch OSError 28, so it reports nothing; its job was never started."""
    done = bench(files=full_volume({}), duration="5m", a_new=BIG).run_until_finished()
    assert done.status("jobfota") == "SUCCEEDED"
    assert done.status("jobappota") == "QUEUED"
    assert any("28" in r["text"] for r in done.kinds("log"))
    assert b"1.0" in read_file(done.device, "/usr/a.py")


def test_a_full_usr_is_reported_failed_by_an_application_that_catches_it(bench):
    done = bench(files=full_volume(demo_app()), duration="5m", a_new=BIG).run_until_finished()
    assert done.status("jobappota") == "FAILED"
    assert b"1.0" in read_file(done.device, "/usr/a.py")
    boots = done.device.boots
    done.power_cycle()
    assert done.device.boots == boots + 1
