"""The modules a script can import from the firmware: one file each, `make(runtime)` builds it for one boot.

Name as scripts import it → file here. A name that is missing is an ImportError, as on the device.
"""

FIRMWARE_MODULES = {
    "_thread": "thread",
    "app_fota": "app_fota",
    "checkNet": "check_net",
    "dataCall": "data_call",
    "fota": "fota",
    "gc": "gc",
    "log": "log",
    "machine": "machine",
    "math": "umath",
    "misc": "misc",
    "modem": "modem",
    "net": "net",
    "ntptime": "ntptime",
    "osTimer": "os_timer",
    "pm": "pm",
    "ql_fs": "ql_fs",
    "queue": "queue",
    "sim": "sim",
    "sys": "sys",
    "ubinascii": "ubinascii",
    "uhashlib": "uhashlib",
    "uio": "uio",
    "ujson": "ujson",
    "umqtt": "umqtt",
    "uos": "uos",
    "urandom": "urandom",
    "ure": "ure",
    "ustruct": "ustruct",
    "usys": "sys",
    "utime": "utime",
    "uzlib": "uzlib",
}
