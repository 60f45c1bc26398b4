"""What the registry and the REST planes say when they refuse, in AWS's names. One word each, so none is misspelled."""

from __future__ import annotations

from sim.jobs.documents import JobError


def invalid(message: str) -> JobError:
    """400: the request itself is wrong."""
    return JobError("InvalidRequestException", message)


def not_found(what: str, name: str) -> JobError:
    """404."""
    return JobError("ResourceNotFoundException", f"{what} {name[:200]} does not exist")


def exists(what: str, name: str) -> JobError:
    """409: there is another one of this name."""
    return JobError("ResourceAlreadyExistsException", f"{what} {name} already exists in account with different content")


def version_conflict(what: str, name: str, expected: int, found: int) -> JobError:
    """409: somebody else changed it."""
    message = f"{what} {name}: expected version {expected} but found version {found}"
    return JobError("VersionConflictException", message)


def delete_conflict(message: str) -> JobError:
    """409: something still hangs on it."""
    return JobError("DeleteConflictException", message)


def limit_exceeded(message: str) -> JobError:
    """410: an account limit."""
    return JobError("LimitExceededException", message)


def not_emulated(what: str) -> JobError:
    """501: AWS has it, this cloud has not."""
    return JobError("NotImplementedException", f"Not emulated: {what}")
