"""What tests of scripts share: an open bucket, a slow server, and a firmware for each family."""


def slow(name, rate):
    """The fault of a server that sends this object of `open` no faster."""
    return f"{{rate_limited: {{bucket: open, key: {name}, rate: {rate}}}}}"


OPEN = "https://open.s3.us-west-2.amazonaws.com/"

FIRMWARE = {
    "EG915U": "EG915UEUABR03A20M08_OCPU_QPY",
    "EC600NCNLC": "EC600NCNLCR01A01M16_OCPU_QPY",
    "EC800NCNLA": "EC800NCNLAR01A01M08_OCPU_QPY",
    "EC800M": "EC800MCNLAR01A01M08_OCPU_QPY",
    "EC200A": "EC200ACNHAR01A02M16",
    "EC800G": "EC800GCNLAR01A01M08_OCPU_QPY",
    "EC800E": "EC800ECNLAR01A01M04_OCPU_QPY",
    "BG95": "BG95M3LAR02A03",
}
"""A model of each family, and the firmware it has unless a test says otherwise."""
