"""An application upgrades its module and says so: the unmodified script of scenarios/apps/aws_ota on an EG915U."""

import pytest

OLD, NEW = "EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"
APP = "../../scenarios/apps/aws_ota"

pytestmark = pytest.mark.qpy(model="EG915U", firmware=OLD, name="QuecPython_OTA", script=APP, network="lte-cat1")


def test_upgrade_reports_success(qpy_cloud, qpy_device, qpy_pkg):
    job = qpy_cloud.create_job("jobfota", qpy_device, package=qpy_pkg.diff(to=NEW))
    qpy_device.expect(r"jobfota: firmware EG915UEUABR03A21M08", timeout="5m")  # virtual minutes
    job.wait("SUCCEEDED", timeout="10m")
    assert qpy_device.firmware == NEW
    assert qpy_device.boots == 2


def test_a_package_for_other_firmware_is_reported_as_failed(qpy_cloud, qpy_device, qpy_pkg):
    wrong = qpy_pkg.diff(from_="EG915UEUABR03A19M08_OCPU_QPY", to=NEW)
    view = qpy_cloud.create_job("jobfota", qpy_device, package=wrong).wait("FAILED", timeout="30m")
    assert "downloaded or verified" in view.execution["QuecPython_OTA"].details["reason"]
    assert (qpy_device.firmware, qpy_device.boots) == (OLD, 1)
