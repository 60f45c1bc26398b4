"""A back end's own code, as it would run against AWS: it rolls firmware out and watches. Nothing here knows qpyota."""

import json
import time

ROLE = "arn:aws:iam::123456789012:role/presign"


def start(iot, s3, groups, package, version):
    """Upload the package and begin the rollout; its job id."""
    s3.create_bucket(Bucket="releases", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_object(Bucket="releases", Key=f"{version}.pack", Body=package)
    url = f"https://releases.s3.us-west-2.amazonaws.com/{version}.pack"
    source = {"url": f"${{aws:iot:s3-presigned-url:{url}}}"}
    files = [{"fileName": f"{version}.pack", "fileVersion": version, "fileSource": source}]
    iot.create_job(
        jobId="wave-1",
        targets=[iot.describe_thing_group(thingGroupName=name)["thingGroupArn"] for name in groups],
        document=json.dumps([{"operation": "FOTA", "files": files}]),
        presignedUrlConfig={"roleArn": ROLE, "expiresInSec": 3600},
        jobExecutionsRolloutConfig={"maximumPerMinute": 50},
        abortConfig={
            "criteriaList": [
                {
                    "failureType": "FAILED",
                    "action": "CANCEL",
                    "thresholdPercentage": 10,
                    "minNumberOfExecutedThings": 20,
                }
            ]
        },
    )
    return "wave-1"


def watch(iot, job_id, sleep=time.sleep):
    """Wait for the end of a rollout; True when it went through, False when it was stopped."""
    while True:
        status = iot.describe_job(jobId=job_id)["job"]["status"]
        if status in ("COMPLETED", "CANCELED"):
            return status == "COMPLETED"
        sleep(60)
