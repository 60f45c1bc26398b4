"""`net`: registration, signal strength, cells, and the switch of the radio (`setModemFun`).

Registration states as 3GPP counts them. The function of the radio: 0 off, 1 on, 4 flight mode. There is one cell, and
no neighbour; what the vendor's page gives for unknown figures stands for those that are not modelled.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

from sim.device.radio import CSQ_UNKNOWN, Radio
from sim.device.sim_card import MCC, MNC
from sim.script.modules.utime import civil
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

LTE = 7
"""Access technology E-UTRAN."""
LTE_ONLY = 5
"""Network mode of `getConfig`."""
LAC, CELL, PCI, EARFCN = 1234, 56789, 101, 1650
"""Area, cell, physical cell and frequency (band 3) of the one cell there is."""

UNKNOWN, UNDETECTABLE = 99, 255
RSRP_BELOW_RSSI_DB = 20
"""ESTIMATE: power of one of some hundred subcarriers against that of all."""
RSRQ_DB, CQI, SINR_DB = -10, UNDETECTABLE, 12
"""ESTIMATE: figures of a cell without much traffic."""

CELL_SEARCH_US = (3_000_000, 5_000_000)
"""How long `getCellInfo` blocks, from the vendor's page."""

FUNCTIONS = (0, 1, 4)


def make(rt: ScriptRuntime) -> ModuleType:
    radio = rt.module.radio
    function = {"now": 1 if radio.on else 4}
    config = {"mode": LTE_ONLY, "roaming": 0}

    def set_modem_fun(wanted: int, restart: int = 0) -> int:
        rt.me()
        if wanted not in FUNCTIONS:
            return -1
        if (wanted == 1) != (function["now"] == 1):
            if wanted == 1:
                radio.power_on(rt.module.model.timings.attach_us)
            else:
                radio.power_off()
        function["now"] = wanted
        if restart == 1:
            rt.reset("setModemFun")
        return 0

    def set_config(mode: int, roaming: int = 0) -> int:
        rt.me()
        config.update(mode=mode, roaming=roaming)
        return 0

    return namespace(
        "net",
        getModemFun=lambda: function["now"],
        setModemFun=set_modem_fun,
        getConfig=lambda: (config["mode"], bool(config["roaming"])),
        setConfig=set_config,
        **_registration(rt, radio),
        **_cells(rt, radio),
    )


def _registration(rt: ScriptRuntime, radio: Radio) -> dict[str, Callable[..., Any]]:
    def get_state() -> tuple[list[int], list[int]]:
        rt.me()
        cell = (LAC, CELL, LTE) if radio.registered else (0, 0, 0)
        return [radio.state, *cell, 0, 0], [radio.state, *cell, 0, 0]

    def signal() -> int:
        rt.me()
        return radio.csq if radio.registered else CSQ_UNKNOWN

    def detailed(sinr: int = 0) -> Any:
        """([GSM and UMTS: rssi, bit errors, rscp, ecno], [LTE: rssi, rsrp, rsrq, cqi]), with 1 also sinr."""
        if not radio.on:
            return -1
        rssi = rssi_dbm(signal())
        lte = [UNKNOWN, UNKNOWN, UNDETECTABLE, UNDETECTABLE, UNDETECTABLE]
        if rssi is not None:
            lte = [rssi, rssi - RSRP_BELOW_RSSI_DB, RSRQ_DB, CQI, SINR_DB]
        return [UNKNOWN, UNKNOWN, UNDETECTABLE, UNDETECTABLE], lte if sinr else lte[:4]

    def network_time() -> Any:
        """(time of the network in UTC as text, the same in seconds, leap seconds)."""
        rt.me()
        if not radio.registered:
            return -1
        year, month, day, hour, minute, second, *_ = civil(rt.clock.epoch_s)
        date = f"{year % 100:02}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02} +00 0"
        return date, rt.clock.epoch_s, 0

    return {
        "getState": get_state,
        "csqQueryPoll": signal,
        "getSignal": detailed,
        "nitzTime": network_time,
        "operatorName": lambda: ("qpyota", "qpyota", MCC, MNC) if radio.registered else -1,
        "getNetMode": lambda: (0, MCC, MNC, LTE) if radio.registered else -1,
    }


def _cells(rt: ScriptRuntime, radio: Radio) -> dict[str, Callable[..., Any]]:
    draws = cache(lambda: radio.stream("cells"))  # made when it is needed: a stream costs kilobytes

    def cells() -> Any:
        """Cells of GSM, UMTS, LTE; the search takes its time."""
        rt.me()
        if not radio.on:
            return -1
        shortest_us, longest_us = CELL_SEARCH_US
        rt.sleep_us(shortest_us + draws().randrange(longest_us - shortest_us))
        if not radio.registered:
            return [], [], []
        rssi = rssi_dbm(radio.csq)
        level = UNKNOWN if rssi is None else rssi - RSRP_BELOW_RSSI_DB
        return [], [], [(0, CELL, int(MCC), int(MNC), PCI, LAC, EARFCN, level, RSRQ_DB, SINR_DB)]

    def serving(value: int) -> Callable[[], int]:
        return lambda: value if radio.registered else -1

    def listed(value: int) -> Callable[[], list[int] | int]:
        return lambda: [value] if radio.registered else -1

    return {
        "getCellInfo": cells,
        "getCi": listed(CELL),
        "getServingCi": serving(CELL),
        "getMnc": listed(int(MNC)),
        "getServingMnc": serving(int(MNC)),
        "getMcc": listed(int(MCC)),
        "getServingMcc": serving(int(MCC)),
        "getLac": listed(LAC),
        "getServingLac": serving(LAC),
    }


def rssi_dbm(csq: int) -> int | None:
    """Power behind a CSQ figure (3GPP TS 27.007, +CSQ); None when it is not known."""
    return None if csq == CSQ_UNKNOWN else -113 + 2 * csq
