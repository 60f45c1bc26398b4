"""The names that QuecPython's modules offer: facts, as the vendor's public stubs list them, and nothing but names.

A module's text lists its members: `name`, `NAME=` for a constant, `Class(member member)`, `GPIO1..47=` for a row.
Modules whose members nobody lists are empty. `python -m sim.script.surface > docs/api.md` writes what of it is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sim.script.modules import FIRMWARE_MODULES

_TEXT = {
    "_thread": "get_ident get_heap_size stack_size start_new_thread threadIsRunning stop_thread delete_lock"
    " allocate_lock(acquire release locked) allocate_semphore(acquire release getCnt) delete_semphore",
    "aLiYun": "aLiYun(setMqtt setCallback error_register_cb subscribe publish start disconnect close ping"
    " getAliyunSta)",
    "app_fota": "new(download bulk_download set_update_flag)",
    "app_fota_download": "get_updater_dir get_download_stat_file get_update_flag_file get_download_stat"
    " update_download_stat delete_update_file download bulk_download set_update_flag"
    " updater_dir= download_stat_file= update_flag_file=",
    "app_fota_mount": "AppFotaPkgMount(mount_state= can_mount= fota_dir= umount_disk get_fota_file_name)",
    "app_fota_pkg_mount": "",
    "atcmd": "sendSync",
    "audio": "Audio(set_pa play stop stopAll setCallback getState getVolume setVolume playStream stopPlayStream"
    " aud_tone_play aud_tone_play_stop) Record(start stop getFilePath getData getSize Delete exists isBusy"
    " end_callback gain amrEncDtx_enable stream_start stream_read AMRNB=) TTS(close play stop stopAll setCallback"
    " getVolume setVolume getSpeed setSpeed getState)",
    "backup_restore": "bak_update bak_file main",
    "bak_util": "SecureStorage(write read add file) JsonFile(write read add file)",
    "ble": "gattStart gattStop getStatus getPublicAddr serverInit serverRelease setLocalName setAdvParam setAdvData"
    " setAdvRspData addService addChara addCharaValue changeCharaValue addCharaDesc addOrClearService"
    " sendNotification sendIndication advStart advStop clientInit",
    "bt": "init release start stop getStatus getLocalAddr setLocalName getLocalName setVisibleMode getVisibleMode"
    " startInquiry cancelInquiry setChannel reconnect_set reconnect hfpInit hfpRelease hfpConnect hfpDisonnect"
    " hfpSetVolume hfpRejectAfterAnswer hfpRejectCall hfpAnswerCall hfpEnableVR hfpDisableVR a2dpavrcpInit"
    " a2dpavrcpRelease a2dpDisconnect a2dpGetAddr a2dpGetConnStatus avrcpStart avrcpPause avrcpPrev avrcpNext"
    " avrcpSetVolume avrcpGetVolume avrcpGetPlayStatus avrcpGetConnStatus sppInit sppRelease sppConnect"
    " sppDisconnect sppSend",
    "builtins": "",
    "camera": "CamPreview(open close) CamDecoder(open close start stop pause resume callback)"
    " CamCapture(open close start callback)",
    "cellLocator": "getLocation",
    "checkNet": "waitNetworkReady CheckNetwork(poweron_print_once)",
    "checksum": "retrieve update bulk_update",
    "dataCall": "setPDPContext getPDPContext setAutoActivate setAutoConnect setDNSServer setCallback activate"
    " deactivate getInfo",
    "dlms": "run stop handle_request uart_open uart_close",
    "errno": "errorcode EPERM= ENOENT= EIO= EBADF= EAGAIN= ENOMEM= EACCES= EEXIST= ENODEV= EISDIR= EINVAL= EOPNOTSUPP="
    " EADDRINUSE= ECONNABORTED= ECONNRESET= ENOBUFS= ENOTCONN= ETIMEDOUT= ECONNREFUSED= EHOSTUNREACH= EALREADY="
    " EINPROGRESS=",
    "esim": "getEid setCallback getProfileInfo profileOTA profileHandle getProfileDelNotification"
    " reportProfileDelNotification",
    "ethernet": "W5500(set_addr set_dns set_up set_down dhcp ipconfig set_default_NIC)"
    " DM9051(set_addr set_dns set_down dhcp ipconfig)"
    " CH395(set_addr set_dns set_up set_down dhcp ipconfig set_default_NIC status) YT8512H(set_addr)",
    "example": "exec",
    "file_crc32": "calc",
    "fota": "httpDownload apn_set download_cancel write flush verify",
    "framebuf": "",
    "gc": "enable disable isenabled collect mem_alloc mem_free",
    "gnss": "GnssGetData(read_gnss_data getOriginalData checkDataValidity isFix getUtcTime getLocationMode"
    " getUsedSateCnt getLocation getViewedSateCnt getCourse getSpeed)",
    "hashlib": "new md5 sha1 sha224 sha256 sha384 sha512",
    "hmac": "new compare_digest",
    "log": "DEBUG= INFO= WARNING= ERROR= CRITICAL= basicConfig set_output getLogger",
    "lvgl": "",
    "machine": "Pin(read write set_dir get_dir GPIO1..47= IN= OUT= PULL_DISABLE= PULL_PU= PULL_PD=)"
    " UART(any read write close control_485 set_callback UART0..4=)"
    " Timer(start stop Timer0..3= ONE_SHOT= PERIODIC=)"
    " ExtInt(enable disable line read_count count_reset read_level)"
    " RTC(datetime set_alarm register_callback enable_alarm) I2C(read write I2C0..2= STANDARD_MODE= FAST_MODE=)"
    " I2C_simulation(read write) SPI(read write write_read) SoftSPI(read write write_read WIRE_3= WIRE_4= LOW=)"
    " LCD(lcd_init mipi_init lcd_clear lcd_write lcd_brightness lcd_display_on lcd_display_off lcd_write_cmd"
    " lcd_write_data lcd_show lcd_show_jpg) WDT(feed stop) KeyPad(init set_callback deinit) OneWire(reset read write)",
    "math": "pow acos asin atan atan2 ceil copysign cos degrees e= exp fabs floor fmod modf frexp isfinite isinf isnan"
    " ldexp log pi= radians sin sqrt tan trunc",
    "micropython": "const opt_level alloc_emergency_exception_buf mem_info qstr_info stack_use heap_lock heap_unlock"
    " kbd_intr schedule",
    "misc": "antennaSecRXOffCtrl PowerKey(powerKeyEventRegister) PWM(open close PWM0..3=) ADC(open read close ADC0..3=)"
    " USB(getStatus setCallback) Power(powerDown powerRestart powerOnReason powerDownReason getVbatt)"
    " USBNET(set_worktype get_worktype get_status open close getNat setNat Type_ECM= Type_RNDIS=)",
    "modem": "getDevImei getDevModel getDevSN getDevFwVersion getDevProductId getDevMAC",
    "net": "csqQueryPoll getCellInfo getConfig setConfig getNetMode getSignal nitzTime operatorName getState getCi"
    " getServingCi getMnc getServingMnc getMcc getServingMcc getLac getServingLac getModemFun setModemFun setBand"
    " getBand bandRst",
    "ntptime": "host= sethost settime",
    "osTimer": "start stop",
    "pm": "create_wakelock delete_wakelock wakelock_lock wakelock_unlock autosleep get_wakelock_num set_psm_time"
    " get_psm_time",
    "ql_fs": "path_exists path_dirname mkdirs rmdirs path_getsize touch read_json file_copy",
    "qrcode": "show",
    "Qth": "setProductInfo setServer setLifetime setEventCb setMcuVer setAppVer setApn init start stop state reset"
    " sendTrans sendTsl ackTsl ackTslServer otaRequest otaAction",
    "quecgnss": "init get_state gnssEnable read setPriority getPriority configSet configGet",
    "quecIot": "init setEventCB setProductinfo setServer setConnmode setDkDs setLifetime setMcuVersion passTransSend"
    " phymodelReport phymodelAck statusReport devInfoReport getDevStatus getDevInfo locReportInside locReportOutside"
    " otaRequest otaAction mcuFWDataRead getWorkState",
    "queue": "Queue(put get empty size)",
    "request": "get post put head Response(status_code= headers= text= content= json)",
    "SecureData": "Store Read",
    "sim": "genericAccess getImsi getIccid getPhoneNumber getStatus enablePin disablePin verifyPin changePin unblockPin"
    " readPhonebook writePhonebook setSimDet getSimDet getCurSimid switchCard setCallback setSwitchcardCallback",
    "sms": "sendTextMsg sendPduMsg deleteMsg setSaveLoc getSaveLoc getMsgNums searchPduMsg searchTextMsg getCenterAddr"
    " setCenterAddr getPduLength decodePdu setCallback setRcvDealmode",
    "sys": "argv= byteorder= implementation= maxsize= modules= platform= stdin= stdout= version= version_info= exit"
    " print_exception",
    "sys_bus": "subscribe publish sub_table unsubscribe",
    "system": "replSetEnable replChangPswd",
    "TenCentYun": "TXyun(setMqtt setCallback error_register_cb subscribe publish start disconnect close ping"
    " getTXyunsta)",
    "uasyncio": "create_task run sleep sleep_ms wait_for wait_for_ms gather current_task get_event_loop new_event_loop"
    " Task(cancel done) Event(is_set set clear wait) Lock(acquire release locked) CancelledError TimeoutError",
    "ubinascii": "a2b_base64 b2a_base64 hexlify unhexlify",
    "ucollections": "namedtuple OrderedDict deque(append popleft)",
    "uctypes": "",
    "uerrno": "errorcode EPERM= ENOENT= EIO= EBADF= EAGAIN= ENOMEM= EACCES= EEXIST= ENODEV= EISDIR= EINVAL="
    " EOPNOTSUPP= EADDRINUSE= ECONNABORTED= ECONNRESET= ENOBUFS= ENOTCONN= ETIMEDOUT= ECONNREFUSED= EHOSTUNREACH="
    " EALREADY= EINPROGRESS=",
    "uhashlib": "md5 sha1 sha256",
    "uheapq": "heappush heappop heapify",
    "uio": "open",
    "ujson": "dump dumps load loads",
    "umqtt": "MQTTClient(set_callback error_register_cb set_last_will connect disconnect close ping publish subscribe"
    " check_msg wait_msg get_mqttsta)",
    "uos": "remove chdir getcwd listdir mkdir rename rmdir ilistdir stat statvfs uname uname2 urandom VfsFat VfsSd"
    " set_det set_callback VfsLfs1 VfsEmmc mount umount sdkver FlashDevice VfsLfs2 VfsEfs",
    "uping": "ping",
    "upip": "",
    "urandom": "choice getrandbits randint random randrange seed uniform",
    "ure": "compile match search",
    "uselect": "",
    "usocket": "AF_INET= AF_INET6= SOCK_STREAM= SOCK_DGRAM= SOCK_RAW= IPPROTO_TCP= IPPROTO_UDP= IPPROTO_TCP_SER="
    " TCP_CUSTOMIZE_PORT= SOL_SOCKET= SO_REUSEADDR= TCP_KEEPALIVE= getaddrinfo socket(bind listen accept connect read"
    " readinto readline write send sendall sendto recv recvfrom close setsockopt setblocking settimeout makefile"
    " getsocketsta)",
    "ussl": "wrap_socket",
    "ustruct": "calcsize pack unpack pack_into unpack_from",
    "usys": "argv= byteorder= implementation= maxsize= modules= platform= stdin= stdout= version= version_info= exit"
    " print_exception",
    "utime": "localtime mktime time getTimeZone setTimeZone ticks_ms ticks_us ticks_cpu ticks_diff sleep sleep_ms"
    " sleep_us",
    "uwebsocket": "CLOSE_OK= Websocket(recv send close) Client(connect)",
    "uzlib": "decompress DecompIO",
    "voiceCall": "setAutoAnswer callStart callAnswer callEnd setCallback setAutoCancel getAutoCancelStatus startDtmf"
    " dtmfDetEnable dtmfSetCb setFw setChannel getVolume setVolume setAutoRecord startRecord stopRecord"
    " readRecordStream startRecordStream",
    "wakeup": "WakeUp(enable disable read deinit set_callback WAKEUP0= WAKEUP2..5= PULL_DISABLE= PULL_PU= PULL_PD="
    " IRQ_RISING= IRQ_FALLING= IRQ_RISING_FALLING=)",
    "wifilocator": "wifilocator(getwifilocator)",
    "wifiScan": "control getState setCfgParam getCfgParam setCallback asyncStart start",
}

INERT_MODULES = frozenset(
    {
        "aLiYun", "atcmd", "audio", "ble", "bt", "camera", "dlms", "esim", "ethernet", "gnss", "qrcode",
        "Qth", "quecIot", "system", "TenCentYun", "voiceCall", "wakeup",
        "wifiScan",
    }
)  # fmt: skip
"""Modules that can be imported and do nothing: hardware and clouds that are not emulated. Their calls fail."""

INERT_MEMBERS = {
    "machine": ("KeyPad", "LCD", "OneWire"),
    "misc": ("USBNET",),
    "sms": ("decodePdu", "getPduLength", "searchPduMsg", "sendPduMsg"),
}
"""The same of single classes in modules that are emulated otherwise."""

_ITEM = re.compile(
    r"(?P<name>\w+?)(?P<first>\d*)(?:\.\.(?P<last>\d+))?(?P<constant>=)?(?:\((?P<inner>[^)]*)\))?(?:\s|$)"
)


@dataclass(frozen=True, slots=True)
class Member:
    """A public name of a module; `inner` are the members of a class."""

    name: str
    constant: bool = False
    inner: tuple[Member, ...] = ()


def _members(text: str) -> Iterator[Member]:
    for item in _ITEM.finditer(text):
        constant, inner = item["constant"] is not None, tuple(_members(item["inner"] or ""))
        if item["last"] is None:
            yield Member(item["name"] + item["first"], constant, inner)
        else:
            for number in range(int(item["first"]), int(item["last"]) + 1):
                yield Member(f"{item['name']}{number}", constant)


SURFACE = {module: tuple(_members(text)) for module, text in _TEXT.items()}
"""Module → its public members."""

OTHER_MODULES = frozenset(SURFACE) - frozenset(FIRMWARE_MODULES)
"""Modules of real firmware that are not emulated."""


if __name__ == "__main__":
    from sim.script.api_page import page

    print(page(), end="")
