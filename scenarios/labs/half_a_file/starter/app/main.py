# Asks for work once a minute. A job with files is done when update.py says so; the table's first line is its version.

import checkNet
import utime

import usr.update as update
from usr.jobs import Jobs

checkNet.waitNetworkReady(60)
jobs = Jobs()
jobs.connect()
while True:
    execution = jobs.next()
    if execution is not None:
        job_id = execution["jobId"]
        jobs.report(job_id, "IN_PROGRESS", "downloading")
        try:
            good = update.install(execution["jobDocument"][0]["files"])
        except Exception as error:
            print("not installed:", error)
            good = False
        jobs.report(job_id, "SUCCEEDED" if good else "FAILED", "installed" if good else "the file is not what it should be")
    utime.sleep(20)
