# Downloads the package of a job. `jobs` is there to talk to the cloud: see jobs.py.

import fota
import utime

TRIES = 5
PAUSE_S = 60


def download(jobs, execution):
    # True when the package is on the module and was found good. Each try has a web address of its own.
    job_id = execution["jobId"]
    jobs.report(job_id, "IN_PROGRESS", "downloading")
    for number in range(TRIES):
        if execution is not None:
            url = execution["jobDocument"][0]["files"][0]["fileSource"]["url"]
            if fota(reset_disable=1).httpDownload(url1=url) == 0:
                return True
        print("try", number + 1, "failed")
        utime.sleep(PAUSE_S)
        execution = jobs.next()
    return False
