# Asks for work once a minute. A firmware job is done when the version that it names runs.

import checkNet
import modem
import utime
from misc import Power

import usr.upgrade as upgrade
from usr.jobs import Jobs

checkNet.waitNetworkReady(60)
jobs = Jobs()
jobs.connect()
while True:
    execution = jobs.next()
    if execution is not None:
        job_id = execution["jobId"]
        wanted = execution["jobDocument"][0]["files"][0]["fileVersion"]
        if wanted == modem.getDevFwVersion():
            jobs.report(job_id, "SUCCEEDED", "installed")
        elif upgrade.download(jobs, execution):
            jobs.report(job_id, "IN_PROGRESS", "restarting")
            Power.powerRestart()
        else:
            jobs.report(job_id, "FAILED", "the package could not be downloaded")
    utime.sleep(30)
