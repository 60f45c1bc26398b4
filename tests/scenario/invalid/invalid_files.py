"""Scenario files that are wrong: each as text, with every word that is said about it and where (line, column).

`{folder}` stands for the folder of the file; a word that ends in … goes on.
"""

from __future__ import annotations

Said = tuple[int, int, str]

INVALID: dict[str, tuple[str, tuple[Said, ...]]] = {
    "empty file": (
        "",
        ((1, 1, "a scenario is a mapping of keys, e.g. 'version: 1'"),),
    ),
    "a list": (
        """\
- version: 1
""",
        ((1, 1, "a scenario is a mapping of keys, e.g. 'version: 1'"),),
    ),
    "tab as indent": (
        """\
version: 1
	name: x
""",
        ((2, 1, "this is not YAML: found character '\\t' that cannot start any token"),),
    ),
    "open bracket": (
        """\
version: [1
name: x
""",
        ((2, 5, "this is not YAML: expected ',' or ']', but got ':'"),),
    ),
    "open quote": (
        """\
version: 1
name: 'x
""",
        ((3, 1, "this is not YAML: found unexpected end of stream"),),
    ),
    "a tag": (
        """\
version: !!python/object 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        (
            (1, 10, "'1' is not 1"),
            (1, 10, "the tag 'tag:yaml.org,2002:python/object' is not allowed here"),
        ),
    ),
    "an anchor that is not there": (
        """\
version: 1
name: x
fleet: *all
""",
        ((3, 8, "this is not YAML: found undefined alias 'all'"),),
    ),
    "key twice": (
        """\
version: 1
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((2, 1, "duplicate key 'version'; it is already on line 1"),),
    ),
    "version missing": (
        """\
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((1, 1, "key 'version' is missing"),),
    ),
    "version of tomorrow": (
        """\
version: 2
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((1, 10, "2 is not 1"),),
    ),
    "name with blanks": (
        """\
version: 1
name: My Scenario
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((2, 7, "'My Scenario' is not a scenario name: it must match [a-z0-9][a-z0-9_-]{0,63}"),),
    ),
    "name is a number": (
        """\
version: 1
name: 7
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((2, 7, "this must be text; put it in quotes"),),
    ),
    "no fleet": (
        """\
version: 1
name: x
""",
        ((1, 1, "key 'fleet' is missing"),),
    ),
    "empty fleet": (
        """\
version: 1
name: x
fleet: []
""",
        ((3, 8, "this list must not be empty"),),
    ),
    "fleet as mapping": (
        """\
version: 1
name: x
fleet: {name: d}
""",
        ((3, 8, "this must be a list"),),
    ),
    "unknown top key": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
flet: []
""",
        ((5, 1, "unknown key 'flet'; did you mean 'fleet'?"),),
    ),
    "seed in words": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
seed: seven
""",
        ((5, 7, "this must be a whole number"),),
    ),
    "seed below zero": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
seed: -1
""",
        ((5, 7, "input should be greater than or equal to 0"),),
    ),
    "seed with a fraction": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
seed: 1.5
""",
        ((5, 7, "this must be a whole number"),),
    ),
    "duration without unit": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
duration: 30
""",
        ((5, 11, "a duration needs a unit, e.g. 30s"),),
    ),
    "duration of unknown unit": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
duration: 30 fortnights
""",
        ((5, 11, "unknown unit 'fortnights'; a duration is written like 30s (us, ms, s, m, h, d)"),),
    ),
    "duration below zero": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
duration: -5s
""",
        ((5, 11, "'-5s' is not a duration, e.g. 30s"),),
    ),
    "duration as list": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
duration: [1h, 2h]
""",
        ((5, 11, "['1h', '2h'] is not a duration, e.g. 30s"),),
    ),
    "unknown model": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG951U, firmware: X}
""",
        ((4, 22, "unknown model 'EG951U'; did you mean 'EG915U'?"),),
    ),
    "firmware of another model": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: BG95M3LAR02A04}
""",
        ((4, 40, "'BG95M3LAR02A04' is not a firmware version of EG915U"),),
    ),
    "device without a name": (
        """\
version: 1
name: x
fleet:
  - {model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((4, 5, "a fleet entry needs 'name' (one device) or 'group' (any number)"),),
    ),
    "one name for many": (
        """\
version: 1
name: x
fleet:
  - {name: d, count: 3, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((4, 5, "'name' is for one device; use 'group' with 'count'"),),
    ),
    "count of nobody": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 0
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
""",
        ((5, 12, "input should be greater than or equal to 1"),),
    ),
    "count in quotes": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: '3'
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
""",
        ((5, 12, "this must be a whole number"),),
    ),
    "name taken": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((5, 12, "the name 'd' is already taken"),),
    ),
    "folder that is not there": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ./nowhere}
""",
        ((4, 78, "there is no './nowhere' beside the scenario, in {folder}"),),
    ),
    "script and agent": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY, script: ., agent: modelled}
""",
        ((4, 5, "a fleet entry has a 'script' or an 'agent', not both"),),
    ),
    "unknown network": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    network: lte-cat2
""",
        ((8, 14, "unknown network 'lte-cat2'; did you mean 'lte-cat4'?"),),
    ),
    "shares that do not add up": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    network: {lte-cat1: 80%, nb-iot: 10%}
""",
        ((8, 14, "the shares come to 90%, not to 100%"),),
    ),
    "share of an unknown network": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    network: {lte-cat1: 80%, nbiot: 20%}
""",
        ((8, 37, "unknown network 'nbiot'; did you mean 'nb-iot'?"),),
    ),
    "share without percent": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    network: {lte-cat1: 0.8, nb-iot: 0.2}
""",
        (
            (8, 25, "a share needs a unit, e.g. 5%"),
            (8, 38, "a share needs a unit, e.g. 5%"),
        ),
    ),
    "battery of nothing": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    battery: {}
""",
        ((8, 14, "give exactly one of voltage, level"),),
    ),
    "battery levels upside down": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    battery: {level: [90%, 10%]}
""",
        ((8, 22, "a range is written [least, most], and its least is more than its most"),),
    ),
    "battery fuller than full": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    battery: {level: 120%}
""",
        ((8, 22, "a share is at most 100%"),),
    ),
    "ramp without unit": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    start: {ramp: 600}
""",
        ((8, 19, "a duration needs a unit, e.g. 30s"),),
    ),
    "start with a typo": (
        """\
version: 1
name: x
fleet:
  - group: g
    count: 3
    model: EG915U
    firmware: EG915UEUABR03A20M08_OCPU_QPY
    start: {rampe: 10m}
""",
        ((8, 13, "unknown key 'rampe'; did you mean 'ramp'?"),),
    ),
    "network extends nothing": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {extends: lte-cat2}
""",
        ((6, 16, "unknown network 'lte-cat2'; did you mean 'lte-cat4'?"),),
    ),
    "network extends itself": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  a: {extends: b}
  b: {extends: a}
""",
        (
            (6, 16, "'a' extends itself in the end"),
            (7, 16, "'b' extends itself in the end"),
        ),
    ),
    "network name with a blank": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  'a b': {loss: 1%}
""",
        ((6, 3, "'a b' is not a network name: it must match [a-zA-Z0-9][a-zA-Z0-9_-]{0,63}"),),
    ),
    "rate without time": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {rate: 60KB}
""",
        ((6, 7, "a rate needs a unit, e.g. 160KB/s"),),
    ),
    "rate of nothing": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {rate: 0B/s}
""",
        ((6, 7, "this must be more than 0"),),
    ),
    "half a rate": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {rate: {down: 60KB/s}}
""",
        ((6, 7, "key 'up' is missing"),),
    ),
    "percentiles upside down": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {rtt: {p50: 90ms, p95: 70ms}}
""",
        ((6, 12, "'p95' is at least 'p50'"),),
    ),
    "round trip of three": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {rtt: [1ms, 2ms, 3ms]}
""",
        ((6, 12, "a range is written [least, most], e.g. [5s, 90s]"),),
    ),
    "half of a distribution": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {rtt: {p50: 90ms}}
""",
        ((6, 7, "key 'p95' is missing"),),
    ),
    "loss of everything": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {loss: 60%}
""",
        ((6, 13, "input should be less than 0.5"),),
    ),
    "outage longer than its period": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {outage: {every: 1m, for: [5s, 90s]}}
""",
        ((6, 15, "an outage is shorter than the time from one to the next ('every')"),),
    ),
    "outage without a length": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {outage: {every: 1m}}
""",
        ((6, 7, "key 'for' is missing"),),
    ),
    "cells without a rate": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {cells: {count: 2}}
""",
        ((6, 7, "key 'rate' is missing"),),
    ),
    "sleep that never wakes": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {sleep: {after: 10s, every: 0s}}
""",
        ((6, 34, "this must be more than 0"),),
    ),
    "sleep within a round trip": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
networks:
  n: {sleep: {after: 100ms, every: 10s}}
""",
        ((6, 22, "a device stays awake for at least 1s, so that answers reach it"),),
    ),
    "two faults in one": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - {power_cut: {device: d, when: {at: 5s}}, link_loss: {device: d, when: {at: 5s}, for: 5s}}
""",
        ((6, 5, "give exactly one of power_cut, brown_out, link_loss, cell_outage, broker_down, l…"),),
    ),
    "no fault at all": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - {}
""",
        ((6, 5, "give exactly one of power_cut, brown_out, link_loss, cell_outage, broker_down, l…"),),
    ),
    "unknown fault": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - power_cuts: {device: d, when: {at: 5s}}
""",
        ((6, 5, "unknown key 'power_cuts'; did you mean 'power_cut'?"),),
    ),
    "fault of an unknown device": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - power_cut: {device: e, when: {at: 5s}}
""",
        ((6, 25, "unknown device or group 'e'; there are d"),),
    ),
    "fault without a moment": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - power_cut: {device: d}
""",
        ((6, 5, "key 'when' is missing"),),
    ),
    "moment of two shapes": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - power_cut: {device: d, when: {at: 5s, op: flash.erase, nth: 1}}
""",
        ((6, 34, "'when' is {at}, {op, nth}, {op, phase, nth}, {phase, progress}, {event} or {event, nth}"),),
    ),
    "moment that counts from zero": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - power_cut: {device: d, when: {op: flash.erase, nth: 0}}
""",
        ((6, 57, "this is a whole number from 1 on, or a range of them: [least, most]"),),
    ),
    "unknown operation": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - power_cut: {device: d, when: {op: flash.read, nth: 1}}
""",
        ((6, 39, "'flash.read' is not 'flash.erase', 'flash.program', 'http.chunk' or 'mqtt.pub'; …"),),
    ),
    "unknown event": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - stall: {device: d, when: {event: job.IN_PROGRES}, for: 5s}
""",
        ((6, 38, "'job.IN_PROGRES' is not 'job.QUEUED', 'job.IN_PROGRESS', 'job.SUCCEEDED', 'job.F…"),),
    ),
    "nth upside down": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - power_cut: {device: d, when: {op: flash.erase, nth: [9, 1]}}
""",
        ((6, 57, "a range is written [least, most], and its least is more than its most"),),
    ),
    "times without every": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - link_loss: {device: d, when: {at: 5s}, for: 5s, times: 3}
""",
        ((6, 16, "'times' needs 'every'"),),
    ),
    "together without share": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - link_loss: {device: d, when: {at: 5s}, for: 5s, together: all}
""",
        ((6, 16, "'together' needs 'share'"),),
    ),
    "share beyond all": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - link_loss: {device: d, share: 110%, when: {at: 5s}, for: 5s}
""",
        ((6, 35, "a share is at most 100%"),),
    ),
    "torn in an unknown way": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - power_cut: {device: d, when: {at: 5s}, torn: apart}
""",
        ((6, 50, "'apart' is not 'none', 'prefix', 'suffix', 'random' or 'complete'"),),
    ),
    "battery fault of two kinds": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - low_battery: {device: d, when: {at: 5s}, level: 4%, voltage: 3.3V}
""",
        ((6, 18, "give exactly one of level, voltage"),),
    ),
    "partition that is not there": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - bad_block: {device: d, when: {at: 5s}, partition: ATTIC}
""",
        ((6, 55, "unknown partition 'ATTIC'; there are BOOT, APP, APPIMG, FS_SYS, PY_FS_U, PY_FS_B…"),),
    ),
    "cell of an unknown network": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - cell_outage: {network: yard, at: 5s, for: 5s}
""",
        ((6, 28, "unknown network 'yard'; there are ideal, lte-cat1, lte-cat4, cat-m1, nb-iot"),),
    ),
    "url of nobody": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - url_expired: {}
""",
        ((6, 18, "'url_expired' is {bucket, key}, or {device, when} as of other faults of devices"),),
    ),
    "clock ahead and behind": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - clock_skew: {device: d, when: {at: 5s}, ahead: 1h, behind: 1h}
""",
        ((6, 17, "give exactly one of ahead, behind"),),
    ),
    "throttled to nothing": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - throttled: {device: d, when: {at: 5s}, rate: 0B/s}
""",
        ((6, 50, "this must be more than 0"),),
    ),
    "fault of an unknown object": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
faults:
  - object_missing: {bucket: b, key: k}
""",
        ((6, 30, "unknown bucket 'b'; there is none"),),
    ),
    "package to nowhere": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
packages:
  p: {from: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((6, 6, "a package needs 'to', the version it leads to"),),
    ),
    "package without a base": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
packages:
  p: {to: EG915UEUABR03A21M08_OCPU_QPY}
""",
        ((6, 6, "a differential package needs 'from', its base version"),),
    ),
    "object without content": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
cloud:
  buckets:
    bucket: {k: {}}
""",
        ((7, 17, "give exactly one of package, file, text"),),
    ),
    "bucket name too short": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
cloud:
  buckets:
    b: {k: {text: x}}
""",
        ((7, 5, "'b' is not a bucket name: it must match [a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),),
    ),
    "job for nobody": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
jobs:
  - {jobId: j, targets: [dd], document: '[]'}
""",
        ((6, 26, "unknown device or group 'dd'; did you mean 'd'?"),),
    ),
    "job id twice": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
jobs:
  - {jobId: j, targets: [d], document: '[]'}
  - {jobId: j, targets: [d], document: '[]'}
""",
        ((7, 13, "the job id 'j' is already taken"),),
    ),
    "document that is not JSON": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
jobs:
  - {jobId: j, targets: [d], document: '['}
""",
        ((6, 40, "the job document is not JSON: Expecting value: line 1 column 2 (char 1)"),),
    ),
    "url valid for a minute less a second": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
jobs:
  - {jobId: j, targets: [d], document: '[]', presignedUrlConfig: {expiresInSec: 59}}
""",
        ((6, 81, "input should be greater than or equal to 60"),),
    ),
    "step of two things": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
steps:
  - {device: d, at: 5s, usb: plugged, power: 'off'}
""",
        ((6, 5, "give exactly one of pin, adc, battery, sim, network, signal, gnss, i2c, rtc, usb…"),),
    ),
    "expect of an unknown job": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
expect:
  - job['j'].succeeded == 1
""",
        ((6, 9, "unknown job 'j'"),),
    ),
    "expect that assigns": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
expect:
  - device.bricked = 0
""",
        ((6, 20, "this is not an expression: invalid syntax"),),
    ),
    "matrix without values": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
matrix: {a: []}
""",
        ((5, 13, "this list must not be empty"),),
    ),
    "matrix of a mapping": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
matrix: {a: {b: 1}}
""",
        ((5, 13, "this must be a list of values, e.g. [EG915U, BG95]"),),
    ),
    "matrix value twice": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
matrix: {a: [1, 2, 1]}
""",
        ((5, 20, "the value 1 is there twice"),),
    ),
    "matrix name with a blank": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
matrix: {'a b': [1]}
""",
        ((5, 10, "'a b' is not a name: letters, digits, - and _"),),
    ),
    "use without a matrix": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: '${matrix.model}', firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        (
            (4, 22, "unknown model '${matrix.model}'; there are EC600NCNLC, EC600NCNLF, EG912N, EG915…"),
            (4, 22, "unknown name 'matrix.model'; there is no matrix"),
        ),
    ),
    "use of another name": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
matrix: {cut: [apply]}
description: cut in ${matrix.kut}
""",
        ((6, 21, "unknown name 'matrix.kut'; did you mean 'cut'?"),),
    ),
    "matrix value that does not fit": (
        """\
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
matrix: {cut: [lunch]}
faults:
  - link_loss: {device: d, when: {phase: '${matrix.cut}', progress: 5%}, for: 5s}
""",
        ((7, 42, "'lunch' is not 'download', 'verify', 'apply', 'mini_download', 'stream', 'app_do…"),),
    ),
    "extends what is not there": (
        """\
extends: base.yaml
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((1, 10, "there is no 'base.yaml' beside this file"),),
    ),
    "extends a path": (
        """\
extends: ../base.yaml
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((1, 10, "'extends' is the name of a file in the same folder, e.g. base.yaml"),),
    ),
    "extends itself": (
        """\
extends: bad.yaml
version: 1
name: x
fleet:
  - {name: d, model: EG915U, firmware: EG915UEUABR03A20M08_OCPU_QPY}
""",
        ((1, 10, "bad.yaml extends bad.yaml: that never ends"),),
    ),
}
