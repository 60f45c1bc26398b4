"""Modules of a few names: the bus between threads, collections, error numbers, the heap, the interpreter's own."""

from sim.device.battery import CURVE_MV, cell_mv
from sim.device.catalogue import known_models, load_model
from sim.script.api_page import api as load_api
from sim.script.modules.ucollections import CHECKED


def test_messages_reach_every_handler_in_a_thread_of_its_own(run):
    script = run("""
        import sys_bus, utime, _thread
        def slow(topic, message):
            utime.sleep(1)
            print('slow', topic, message)
        def quick(topic, message):
            print('quick', topic, message, _thread.get_ident() > 2)
        def broken(topic, message):
            raise ValueError(message)
        for handler in (slow, slow, quick, broken):
            sys_bus.subscribe('a', handler)
        sys_bus.publish('nobody', 0)
        sys_bus.publish('a', 1)
        utime.sleep(2)
        print(sys_bus.sub_table('a') == [slow, quick, broken], list(sys_bus.sub_table()))
        print(sys_bus.unsubscribe('a', broken), sys_bus.unsubscribe('a', broken), sys_bus.unsubscribe('b'))
        print(sys_bus.unsubscribe('a'), sys_bus.sub_table())
    """)
    assert script.printed == ["quick a 1 True", "slow a 1", "True ['a']", "True False False", "True {}"]
    assert [error for _, error, _ in script.tracebacks] == ["ValueError"]


def test_a_deque_has_a_size(run):
    script = run(f"""
        from ucollections import deque, namedtuple, OrderedDict
        ring = deque((), 2)
        for n in range(3):
            ring.append(n)
        print(len(ring), ring.popleft(), ring.popleft(), bool(ring))
        full = deque((), 1, {CHECKED})
        full.append(1)
        for refused in (ring.popleft, lambda: full.append(2), lambda: deque([1], 2), lambda: ring[0]):
            try:
                refused()
            except Exception as e:
                print(type(e).__name__, e)
        Point = namedtuple('Point', ('x', 'y'))
        print(Point(1, 2).y, Point(1, y=2), list(OrderedDict([('b', 1), ('a', 2)])))
    """)
    assert script.printed == [
        "2 1 2 False", "IndexError empty", "IndexError full", "ValueError ",
        "TypeError 'deque' object isn't subscriptable", "2 Point(x=1, y=2) ['b', 'a']",
    ]  # fmt: skip


def test_error_numbers_have_names(run):
    script = run("""
        import uerrno, errno, uos
        try:
            uos.stat('/usr/missing')
        except OSError as e:
            print(e.args[0] == uerrno.ENOENT, uerrno.errorcode[e.args[0]], errno.ETIMEDOUT)
    """)
    assert script.printed == ["True ENOENT 110"]


def test_a_heap_and_random_bytes(run):
    program = """
        import uheapq, uos
        heap = [5, 3, 9]
        uheapq.heapify(heap)
        uheapq.heappush(heap, 1)
        print([uheapq.heappop(heap) for _ in range(4)])
        print(len(uos.urandom(16)), uos.urandom(4))
    """
    first, again = run(program), run(program)
    assert first.printed[0] == "[1, 3, 5, 9]"
    assert first.printed[1].startswith("16 b'")
    assert first.printed == again.printed


def test_the_interpreters_own_names(run):
    script = run("""
        import micropython, utime
        from micropython import const
        LIMIT = const(7)
        print(LIMIT, micropython.opt_level(), micropython.opt_level(2), micropython.opt_level())
        print(micropython.heap_lock(), micropython.heap_unlock(), micropython.stack_use() > 0)
        micropython.schedule(lambda arg: print('scheduled', arg), 3)
        utime.sleep(1)
        try:
            for n in range(100):
                micropython.schedule(print, n)
        except RuntimeError as e:
            print(e)
    """)
    assert script.printed[:4] == ["7 0 None 2", "1 0 True", "scheduled 3", "schedule queue full"]


def test_power_saving_is_set_and_read(run):
    script = run("""
        import pm
        print(pm.get_psm_time(), pm.set_psm_time(1, 2, 1, 4), pm.get_psm_time(), pm.set_psm_time(9, 1, 1, 1))
        print(pm.set_psm_time(0), pm.get_psm_time())
    """)
    assert script.printed == ["[0, 7, 0, 7, 0] True [1, 1, 2, 1, 4] False", "True [0, 1, 2, 1, 4]"]


def test_cells_take_seconds_and_need_a_network(run):
    script = run("""
        import net, utime, checkNet
        start = utime.ticks_ms()
        print(net.getServingCi(), net.getSignal(), net.nitzTime())
        net.getCellInfo()
        print(3000 <= utime.ticks_diff(utime.ticks_ms(), start) < 5000)
        checkNet.waitNetworkReady(60)
        print(net.getCellInfo()[2][0][:4], net.getServingMcc(), net.getMnc(), net.getLac(), net.getNetMode())
        print(net.getSignal()[1], len(net.getSignal(1)[1]), net.nitzTime()[0][:8], net.getConfig())
        print(net.setModemFun(4), net.getCellInfo(), net.getSignal(), net.csqQueryPoll())
    """)
    assert script.printed == [
        "-1 ([99, 99, 255, 255], [99, 99, 255, 255]) -1",
        "True",
        "(0, 56789, 1, 1) 1 [1] [1234] (0, '001', '01', 7)",
        "[-63, -83, -10, 255] 5 26/01/01 (5, False)",
        "0 -1 -1 99",
    ]


def test_a_restart_may_follow_the_switch_of_the_radio(run):
    script = run("""
        import net
        from misc import Power
        print(Power.powerOnReason(), net.getModemFun())
        if Power.powerOnReason() == 1:
            net.setModemFun(0, 1)
    """)
    assert script.printed == ["1 1", "2 1"]


def test_a_program_ends_its_data_connection_and_stays_registered(run):
    script = run("""
        import checkNet, dataCall, net, utime
        checkNet.waitNetworkReady(60)
        dataCall.setCallback(lambda args: print('call', args[:2]))
        print(dataCall.deactivate(1), dataCall.getInfo(1, 0)[2][0], net.getState()[1][0])
        utime.sleep(1)
        print(dataCall.activate(1), dataCall.activate(99))
        utime.sleep(5)
        print(dataCall.getInfo(1, 0)[2][0], dataCall.getPDPContext(1))
        print(dataCall.setPDPContext(1, 0, 'iot', '', '', 0), dataCall.getPDPContext(1), dataCall.setPDPContext(1, 0))
        print(dataCall.setDNSServer(1, 0, '1.1.1.1', '8.8.8.8'), dataCall.getInfo(1, 0)[2][3:])
    """)
    assert script.printed == [
        "0 0 1", "call (1, 0)", "0 -1", "call (1, 1)", "1 (0, '', '', '', 0)", "0 (0, 'iot', '', '', 0) -1",
        "0 ['1.1.1.1', '8.8.8.8']",
    ]  # fmt: skip


def test_a_lost_signal_of_a_module_that_is_off_attaches_nobody(run):
    script = run("import utime\nutime.sleep(60)", seconds=30)
    script.device.power_cut()
    script.device.radio.lose_signal(5_000_000)
    script.run(30)
    assert not script.device.radio.attached
    script.device.power_on()
    script.run(60)
    assert script.device.radio.attached


def test_a_cell_is_as_full_as_its_voltage_says():
    assert [cell_mv(level) for level, _ in CURVE_MV] == [mv for _, mv in CURVE_MV]
    voltages = [cell_mv(n / 100) for n in range(101)]
    assert voltages == sorted(voltages)


def test_what_a_model_lacks_is_not_found(run):
    """Which model has what is data; the vendor's pages name the series."""
    program = """
        import cellLocator, pm, sim
        print(hasattr(pm, 'set_psm_time'), hasattr(sim, 'readPhonebook'))
        import quecgnss
    """
    script = run(program)
    assert script.printed == ["True False"]
    assert script.tracebacks == [("main", "ImportError", "no module named 'quecgnss'")]
    assert run("import cellLocator", model="EC800G").tracebacks == [
        ("main", "ImportError", "no module named 'cellLocator'")
    ]


def test_every_name_that_models_lack_is_one_of_the_api():
    api = load_api()
    for row in known_models():
        for name in load_model(row.variant).lacks:
            module, _, member = name.partition(".")
            assert module in api
            assert not member or member in api[module]


def test_a_phone_book_keeps_names(run):
    script = run(
        """
        import sim
        print(sim.writePhonebook(9, 1, 'Ann', '123'), sim.writePhonebook(9, 2, 'Bob', '45'))
        print(sim.readPhonebook(9, 0, 0, 'A'), sim.readPhonebook(9, 1, 9, ''), sim.readPhonebook(1, 1, 9, ''))
        print(sim.writePhonebook(9, 0, 'x', '1'), sim.readPhonebook(9, 1, 30, ''), sim.getSimDet(), sim.switchCard)
    """,
        model="EC600NCNLC",
    )
    assert script.printed == [
        "0 0", "(1, [(1, 'Ann', '123')]) (2, [(1, 'Ann', '123'), (2, 'Bob', '45')]) (0, [])",
    ]  # fmt: skip
    assert script.tracebacks == [("main", "AttributeError", "module 'sim' has no attribute 'switchCard'")]


def test_models_differ_in_what_they_tell_of_the_power_key(run):
    program = """
        from misc import PowerKey
        import utime
        print(PowerKey().powerKeyEventRegister(lambda down: print('key', down)), PowerKey().powerKeyEventRegister(1))
        utime.sleep(100)
    """
    heard = {}
    for model in ("EG915U", "EC600NCNLC"):
        script = run(program, seconds=30, model=model)
        for seconds in (0, 1):
            script.device.board.press_key(True)
            script.run(seconds)
            script.device.board.press_key(False)
            script.run(1)
        heard[model] = script.printed
    assert heard == {"EG915U": ["0 -1", "key 0"], "EC600NCNLC": ["0 -1", "key 1", "key 0", "key 1", "key 0"]}
