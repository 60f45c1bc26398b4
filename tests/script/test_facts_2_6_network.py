"""What the facts say of bringing the network up, section 2.6, one surprise a test."""

import pytest
from script_rig import FIRMWARE

BOTH = pytest.mark.parametrize("generation", ["G21", "G25"])
CALLS = ["checkNet.waitNetworkReady", "checkNet.wait_network_connected", "net.wait_network_connected"]

MAIN = """
    import checkNet, utime, dataCall
    net = checkNet.CheckNetwork('app', '1.0')
    start = utime.ticks_ms()
    print({call}, utime.ticks_diff(utime.ticks_ms(), start))
"""


def main(call):
    return MAIN.format(call=call)


@pytest.mark.parametrize("call", CALLS)
def test_2_6_three_names_for_one_wait_that_gives_3_1_when_ready(run, call):
    assert run(main(f"{call}(60)")).printed[0].startswith("(3, 1) ")


@pytest.mark.parametrize("timeout", [0, -1, 3601])
@pytest.mark.parametrize("call", CALLS)
def test_2_6_a_time_out_outside_1_to_3600_is_an_oserror(run, call, timeout):
    assert [error for _, error, _ in run(main(f"{call}({timeout})")).tracebacks] == ["OSError"]


def test_2_6_it_looks_every_100_ms_so_the_answer_comes_on_that_grid(run):
    waited = int(run(main("checkNet.waitNetworkReady(60)")).printed[0].split()[-1])
    assert waited > 0
    assert waited % 100 == 0


@BOTH
def test_2_6_not_registered_at_the_end_is_stage_2_and_the_state(run, generation):
    script = run(main("checkNet.waitNetworkReady(1)"), generation=generation)
    assert script.printed == ["(2, 2) 1000"]


def test_2_6_a_missing_card_is_stage_1_at_the_end_and_at_once_in_2021(run):
    seen = {}
    for generation in ("G21", "G25"):
        script = run(
            main("checkNet.waitNetworkReady(5)"),
            generation=generation,
            steps="{device: dut, at: 0s, sim: {state: absent}}",
        )
        seen[generation] = script.printed
    assert seen == {"G21": ["(1, 0) 0"], "G25": ["(1, 0) 5000"]}


def test_2_6_a_card_that_asks_for_its_pin_holds_the_wait_in_stage_1(run):
    steps = "{device: dut, at: 0s, sim: {state: pin, pin: '4711'}}"
    script = run(main("checkNet.waitNetworkReady(3)"), steps=steps)
    assert script.printed[0].startswith("(1, ")
    assert script.printed[0].endswith(" 3000")


def test_2_6_registered_without_a_data_call_is_stage_3(run):
    script = run(
        """
        import checkNet, dataCall
        print(checkNet.waitNetworkReady(60), dataCall.deactivate(1), checkNet.waitNetworkReady(2))
        """
    )
    assert script.printed == ["(3, 1) 0 (3, 0)"]


def test_2_6_roaming_is_good_enough_in_2025_and_not_in_2021(run):
    seen = {}
    for generation in ("G21", "G25"):
        script = run(
            main("checkNet.waitNetworkReady(20)"),
            generation=generation,
            steps="{device: dut, at: 0s, network: roaming}",
        )
        seen[generation] = script.printed[0].rpartition(" ")[0]
    assert seen == {"G21": "(2, 5)", "G25": "(3, 1)"}


@pytest.mark.parametrize(("generation", "lines"), [("G21", 7), ("G25", 6)])
def test_2_6_the_banner_has_six_lines_and_one_more_in_2021(run, generation, lines):
    script = run("import checkNet\ncheckNet.CheckNetwork('app', '1.0').poweron_print_once()", generation=generation)
    assert len(script.printed) == lines
    assert script.printed[0] == script.printed[-1] == "=" * 50
    assert script.printed[1:4] == [
        "PROJECT_NAME     : app",
        "PROJECT_VERSION  : 1.0",
        f"FIRMWARE_VERSION : {FIRMWARE['EG915U']}",
    ]
    assert script.printed[-2] == "SIM_CARD_STATUS  : 1"
    assert ("POWERON_REASON   : 1" in script.printed) is (generation == "G21")


def test_2_6_a_data_call_that_is_not_up_is_zeros_and_a_bad_profile_minus_one(run):
    script = run(
        "import dataCall\nprint(dataCall.getInfo(1, 0), dataCall.getInfo(1, 2)[2][0], dataCall.getInfo(0, 0))", 5
    )
    assert script.printed == ["(1, 0, [0, 0, '0.0.0.0', '0.0.0.0', '0.0.0.0']) 0 -1"]
