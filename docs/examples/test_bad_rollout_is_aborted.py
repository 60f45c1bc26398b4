"""The back end's own boto3 code against two hundred modules, a fifth of which cannot take the package."""

import my_rollout
import pytest

VERSION = "EC200ACNHAR01A02M16"


@pytest.fixture
def rollout(qpy_cloud, qpy_fleet, qpy_pkg):
    """Begins the rollout; the back end's clients and its job id."""
    qpy_fleet.add(200, model="EC200A", firmware="EC200ACNHAR01A01M16", network="lte-cat1")
    package = qpy_pkg.diff(model="EC200A", from_="EC200ACNHAR01A01M16", to=VERSION).files[0].data
    iot, s3 = qpy_cloud.boto3("iot"), qpy_cloud.boto3("s3")
    return iot, my_rollout.start(iot, s3, qpy_fleet.targets, package, VERSION)


def test_a_bad_rollout_is_aborted(qpy_faults, qpy_clock, qpy_fleet, qpy_cloud, rollout):
    iot, job_id = rollout
    qpy_faults.corrupt_download(qpy_fleet, share=0.2)
    assert my_rollout.watch(iot, job_id, sleep=qpy_clock.sleep) is False
    view = qpy_cloud.job(job_id).wait("CANCELED", timeout="1h")
    assert view.failed >= 10
    assert len(view.execution) < 200  # the others were spared
    assert qpy_fleet.bricked == 0


def test_a_good_rollout_goes_through(qpy_clock, qpy_cloud, rollout):
    iot, job_id = rollout
    assert my_rollout.watch(iot, job_id, sleep=qpy_clock.sleep) is True
    assert qpy_cloud.job(job_id).view.succeeded == 200
    assert qpy_clock.now_s < 900
