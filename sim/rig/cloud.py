"""The rig's cloud: what a test asks of it itself, and the door for boto3 and the AWS CLI.

Programs of this machine come in over HTTP on loopback and are answered at once, between two events of the simulation;
the clock stands still for them. There is no MQTT listener: devices of a rig reach their broker in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.cloud import sigv4
from sim.errors import MachineError, SpecError
from sim.ports import HttpRequest, HttpResponse
from sim.rig.job import Job
from sim.rig.packages import Package
from sim.scenario.wiring import LOOPBACK, listen_near

if TYPE_CHECKING:
    from sim.cloud.rest import RestServer
    from sim.rig.rig import Rig

BUCKET = "qpyota"
"""Where packages of jobs are put."""
PUBLIC_BUCKET = "qpyota-public"
"""Where those are put that a module cannot fetch with a signed URL."""


class Cloud:
    """One account; its keys are the public ones of qpyota."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._server: RestServer | None = None
        self._url = ""
        self._clients: list[Any] = []
        self._defect: BaseException | None = None

    @property
    def url(self) -> str:
        """Where all services of the cloud answer, without TLS; opened when somebody first asks."""
        if not self._url:
            self._url = self._rig.loop.finish(self._open())
        return self._url

    def env(self) -> dict[str, str]:
        """Variables that lead boto3, the AWS CLI and most SDKs here; for `monkeypatch.setenv`, `subprocess.run`."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": sigv4.OPERATOR.access_key,
            "AWS_SECRET_ACCESS_KEY": sigv4.OPERATOR.secret,
            "AWS_DEFAULT_REGION": self._rig.scene.account.artifacts.region,
        }

    def boto3(self, service: str, **options: Any) -> Any:
        """A client of boto3 for `iot`, `iot-data`, `iot-jobs-data`, `s3`, `iam` or `sts`; `options` as `boto3.client`
        takes them. MachineError when boto3 is not installed."""
        try:
            import boto3
        except ImportError:
            raise MachineError("boto3 is not installed: pip install boto3") from None
        env = self.env()
        given = {
            "endpoint_url": env["AWS_ENDPOINT_URL"],
            "region_name": env["AWS_DEFAULT_REGION"],
            "aws_access_key_id": env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": env["AWS_SECRET_ACCESS_KEY"],
        }
        client = boto3.session.Session().client(service, **{**given, **options})
        self._clients.append(client)
        return client

    def upload(self, key: str, content: bytes | str | Path, bucket: str = BUCKET) -> str:
        """Put an object: bytes, or the file of this path. Its URL, as job documents name it."""
        data = content if isinstance(content, bytes) else _read(self._rig.folder / content)
        scene = self._rig.scene
        self._rig.call(lambda: scene.account.artifacts.put(bucket, key, data, modified_s=scene.clock.epoch_s))
        return f"https://{bucket}.s3.{scene.account.artifacts.region}.amazonaws.com/{key}"

    def create_job(
        self, job_id: str, targets: object, package: Package | None = None, document: Any = None, **members: Any
    ) -> Job:
        """CreateJob for devices, a fleet or names of them. `package` is put into a bucket, and the document says so; a
        `document` is JSON text or values. `members` are AWS's own (`abortConfig={...}`). SpecError, JobError."""
        if (package is None) == (document is None):
            raise SpecError(f"job {job_id}: give a package or a document, one of the two")
        if package is not None:
            urls = [self.upload(file.key, file.data, self._bucket_for(package)) for file in package.files]
            document = package.document(
                [url if package.public else f"${{aws:iot:s3-presigned-url:{url}}}" for url in urls]
            )
            members = {"presignedUrlConfig": {"expiresInSec": 3600}, **members}
        names = self._rig.target_names(targets)
        self._rig.call(self._rig.scene.create_job, job_id, names, {"document": document, **members})
        return self.job(job_id)

    def _bucket_for(self, package: Package) -> str:
        if not package.public:
            return BUCKET
        artifacts = self._rig.scene.account.artifacts
        artifacts.public |= {PUBLIC_BUCKET}
        return PUBLIC_BUCKET

    def job(self, job_id: str) -> Job:
        """A handle on a job, whoever created it."""
        return Job(self._rig, job_id)

    @property
    def jobs(self) -> list[Job]:
        """All jobs that ever had an execution, in that order."""
        return [self.job(job_id) for job_id in self._rig.call(lambda: list(self._rig.scene.histories.jobs))]

    def __repr__(self) -> str:
        return f"<cloud of {len(self._rig.scene.devices)} devices and {len(self.jobs)} jobs>"

    def raise_defect(self) -> None:
        """Raise what went wrong while a program was answered, once."""
        defect, self._defect = self._defect, None
        if defect is not None:
            raise defect

    def close(self) -> None:
        """Hang up on everybody."""
        for client in self._clients:
            client.close()
        server, self._server = self._server, None
        if server is not None:
            self._rig.loop.finish(server.stop())
        self.raise_defect()

    async def _open(self) -> str:
        from sim.cloud.rest import RestServer

        clock = self._rig.scene.clock
        server = self._server = RestServer(self._respond, lambda: clock.epoch_s)
        port = await listen_near(0, lambda port: server.start(LOOPBACK, port))
        return f"http://{LOOPBACK}:{port}"

    def _respond(self, request: HttpRequest, now_s: int) -> HttpResponse:
        try:
            return self._rig.scene.account.respond(request, now_s)
        except Exception as error:  # noqa: BLE001 - raised where the rig is used next
            from sim.net.wire import DEFECT

            self._defect = error
            return DEFECT


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from None
