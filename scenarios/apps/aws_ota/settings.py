# What differs from device to device. Everything else in this application is the same everywhere.

THING = "QuecPython_OTA"
SERVER = "example-ats.iot.us-west-2.amazonaws.com"
PORT = 8883
KEEPALIVE_S = 60

# Paste the two PEM texts here. On a virtual device the placeholders may stay:
# the emulated cloud then issues an identity for the device.
CERTIFICATE = """
(content of certificate.pem.crt)
"""
PRIVATE_KEY = """
(content of private.pem.key)
"""

POLL_S = 60  # notifications are not repeated, so ask now and then
ATTEMPTS = 3  # downloads of one job before it is given up
