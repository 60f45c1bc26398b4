# Downloads the package of a job. `jobs` is there to talk to the cloud: see jobs.py.

import fota
import utime

TRIES = 5
PAUSE_S = 60


def download(jobs, execution):
    # True when the package is on the module and was found good.
    jobs.report(execution["jobId"], "IN_PROGRESS", "downloading")
    url = execution["jobDocument"][0]["files"][0]["fileSource"]["url"]
    for number in range(TRIES):
        if fota(reset_disable=1).httpDownload(url1=url) == 0:
            return True
        print("try", number + 1, "failed")
        utime.sleep(PAUSE_S)
    return False
