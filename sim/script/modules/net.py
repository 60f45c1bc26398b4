"""`net`: registration, signal strength, and the switch of the radio (`setModemFun`).

Registration states as 3GPP counts them: 1 registered at home, 2 searching, 0 neither. The function of the radio: 0 off,
1 on, 4 flight mode.
"""

from __future__ import annotations

from types import ModuleType

from sim.device.sim_card import MCC, MNC
from sim.script.namespace import namespace
from sim.script.runtime import ScriptRuntime

HOME, SEARCHING, OFF = 1, 2, 0
LTE = 7
"""Access technology E-UTRAN."""
LAC, CELL = 1234, 56789
CSQ_GOOD, CSQ_UNKNOWN = 25, 99
"""ESTIMATE: 25 is about -63 dBm, a good signal; signals are not modelled yet. 99: not known."""

FUNCTIONS = (0, 1, 4)


def make(rt: ScriptRuntime) -> ModuleType:
    radio = rt.module.radio
    function = {"now": 1}

    def get_state() -> tuple[list[int], list[int]]:
        rt.me()
        state = HOME if radio.attached else SEARCHING if function["now"] == 1 else OFF
        cell = (LAC, CELL, LTE) if radio.attached else (0, 0, 0)
        return [state, *cell, 0, 0], [state, *cell, 0, 0]

    def set_modem_fun(wanted: int, _restart: int = 0) -> int:
        rt.me()
        if wanted not in FUNCTIONS:
            return -1
        if (wanted == 1) != (function["now"] == 1):
            if wanted == 1:
                radio.power_on(rt.module.model.timings.attach_us)
            else:
                radio.power_off()
        function["now"] = wanted
        return 0

    def signal() -> int:
        rt.me()
        return CSQ_GOOD if radio.attached else CSQ_UNKNOWN

    return namespace(
        "net",
        getState=get_state,
        getModemFun=lambda: function["now"],
        setModemFun=set_modem_fun,
        csqQueryPoll=signal,
        operatorName=lambda: ("qpyota", "qpyota", MCC, MNC) if radio.attached else -1,
        getMcc=lambda: MCC if radio.attached else -1,
        getMnc=lambda: MNC if radio.attached else -1,
    )
