"""Power goes at every page that the flash programs while two application files are replaced: one test for each."""

import pytest

APP = "../../scenarios/apps/aws_ota"


@pytest.mark.qpy_models("EC600NCNLC", "EG915U", "BG95")
@pytest.mark.qpy(name="QuecPython_OTA", script=APP)
@pytest.mark.power_cut(every="flash.program")
def test_never_bricks(qpy_cloud, qpy_device, qpy_pkg):
    before = {path: qpy_device.fs.read(path) for path in ("/usr/a.py", "/usr/b.py")}
    after = {path: text.replace(b"1.0", b"2.0") for path, text in before.items()}
    job = qpy_cloud.create_job("jobappota", qpy_device, package=qpy_pkg.app(after))
    qpy_device.run_until_idle("1h")
    assert qpy_device.boots_ok
    now = {path: qpy_device.fs.read(path) for path in before}
    assert now in (before, after)  # old or new, never a mix
    assert (job.status == "SUCCEEDED") == (now == after)
