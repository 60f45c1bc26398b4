"""What scripts learn of the network: card, registration, data connection, and the switch of the radio."""


def test_the_card_and_the_address_are_the_devices_own(run):
    script = run("""
        import sim, dataCall, checkNet
        checkNet.waitNetworkReady(60)
        print(sim.getStatus(), sim.getImsi()[:5], len(sim.getImsi()), len(sim.getIccid()), sim.getPhoneNumber()[:4])
        print(dataCall.getInfo(1, 0)[2][2].startswith('10.'))
    """)
    assert script.printed == ["1 00101 15 20 +999", "True"]


def test_registration_comes_after_a_search(run):
    script = run("""
        import net, dataCall, checkNet
        print(net.getState()[1][0], net.csqQueryPoll(), dataCall.getInfo(1, 0), net.operatorName())
        checkNet.waitNetworkReady(60)
        state = dataCall.getInfo(1, 2)
        print(net.getState()[1][:4], net.csqQueryPoll(), state[:2], state[2][0], state[3][0], dataCall.getInfo(9, 0))
    """)
    assert script.printed == [
        "2 99 (1, 0, [0, 0, '0.0.0.0', '0.0.0.0', '0.0.0.0']) -1",
        "[1, 1234, 56789, 7] 25 (1, 2) 1 0 -1",
    ]


def test_flight_mode_ends_the_connection_and_full_function_brings_it_back(run):
    script = run("""
        import net, dataCall, checkNet, utime
        checkNet.waitNetworkReady(60)
        print(dataCall.setCallback(lambda args: print('data call', args[0], args[1])))
        print(net.setModemFun(4), net.getModemFun(), net.getState()[1][0], net.setModemFun(9))
        utime.sleep(1)
        net.setModemFun(1)
        print(checkNet.waitNetworkReady(60), net.getState()[1][0])
        utime.sleep(1)
    """)
    assert script.printed == ["0", "0 4 0 -1", "data call 1 0", "data call 1 1", "(3, 1) 1"]


def test_a_lost_network_is_told(run):
    script = run(
        """
        import dataCall, utime, checkNet
        checkNet.waitNetworkReady(60)
        dataCall.setCallback(lambda args: print('data call', args[:2], utime.ticks_ms() // 1000))
        utime.sleep(100)
    """,
        seconds=30,
    )
    script.device.radio.lose_signal(20_000_000)
    script.run(60)
    assert script.printed == ["data call (1, 0) 30", "data call (1, 1) 50"]


def test_wake_locks_are_counted(run):
    script = run("""
        import pm
        lock = pm.create_wakelock('main', 4)
        print(lock, pm.wakelock_lock(lock), pm.wakelock_unlock(lock), pm.wakelock_unlock(lock), pm.get_wakelock_num())
        print(pm.autosleep(1), pm.delete_wakelock(lock), pm.delete_wakelock(lock), pm.wakelock_lock(lock))
    """)
    assert script.printed == ["1 0 0 -1 1", "0 0 -1 -1"]


def test_the_time_server_needs_a_network(run):
    script = run("""
        import ntptime, checkNet
        print(ntptime.settime())
        checkNet.waitNetworkReady(60)
        print(ntptime.settime(), ntptime.sethost('pool.ntp.org'))
    """)
    assert script.printed == ["-1", "0 0"]


def test_patience_ends_with_the_stage_that_was_missing(run):
    script = run(
        """
        import checkNet, dataCall, utime
        for _ in range(3):
            print(checkNet.waitNetworkReady(30))
            utime.sleep(30)
        print(checkNet.waitNetworkReady(30), dataCall.deactivate(1), checkNet.waitNetworkReady(30))
    """,
        seconds=1,
    )
    script.device.sim.set(0)
    script.run(45)
    script.device.sim.set(1)
    script.device.radio.serve(3)
    script.run(60)
    script.device.radio.serve(5)
    script.run(200)
    assert script.printed == ["(1, 0)", "(2, 3)", "(3, 1)", "(3, 1) 0 (3, 0)"]
