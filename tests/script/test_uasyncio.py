"""`uasyncio` and `async def`: tasks share a thread by turns, time passes, and a power cut ends them all."""

import pytest


def test_tasks_take_turns_in_order_of_time(run):
    script = run("""
        import uasyncio, utime
        start = utime.ticks_ms()
        def told(*what):
            print(*what, round(utime.ticks_diff(utime.ticks_ms(), start), -2))
        async def worker(name, delay, times):
            for _ in range(times):
                await uasyncio.sleep_ms(delay)
                told(name)
            return name * 2
        async def main():
            slow = uasyncio.create_task(worker('slow', 1000, 2))
            quick = uasyncio.create_task(worker('quick', 300, 3))
            told('started', slow.done())
            told(await quick, await slow, slow.done())
            return 7
        print(uasyncio.run(main()))
    """)
    assert script.tracebacks == []
    assert script.printed == [
        "started False 0", "quick 300", "quick 600", "quick 900", "slow 1000", "slow 2000",
        "quickquick slowslow True 2000", "7",
    ]  # fmt: skip


def test_other_threads_go_on_while_tasks_wait(run):
    script = run("""
        import uasyncio, utime, _thread
        def beside():
            for _ in range(3):
                utime.sleep(1)
                print('thread')
        async def main():
            await uasyncio.sleep(3.5)
            print('task')
        _thread.start_new_thread(beside, ())
        uasyncio.run(main())
    """)
    assert script.printed == ["thread", "thread", "thread", "task"]


def test_time_outs_cancel_and_are_told(run):
    script = run("""
        import uasyncio
        async def forever():
            try:
                while True:
                    await uasyncio.sleep(100)
            except uasyncio.CancelledError:
                print('cancelled')
                raise
        async def quick():
            return 5
        async def main():
            print(await uasyncio.wait_for(quick(), 1), await uasyncio.wait_for(quick(), None))
            for wait in (lambda: uasyncio.wait_for(forever(), 1), lambda: uasyncio.wait_for_ms(forever(), 100)):
                try:
                    await wait()
                except uasyncio.TimeoutError:
                    print('too late')
            task = uasyncio.create_task(forever())
            await uasyncio.sleep(1)
            print(task.cancel(), task.done())
            try:
                await task
            except uasyncio.CancelledError:
                print('awaited', task.done(), task.cancel())
            try:
                uasyncio.current_task().cancel()
            except RuntimeError as e:
                print(e)
        uasyncio.run(main())
    """)
    assert script.tracebacks == []
    assert script.printed == [
        "5 5", "cancelled", "too late", "cancelled", "too late", "True False", "cancelled", "awaited True False",
        "can't cancel self",
    ]  # fmt: skip


def test_gather_collects_values_and_errors(run):
    script = run("""
        import uasyncio
        async def give(value):
            await uasyncio.sleep_ms(10)
            if value < 0:
                raise ValueError(value)
            return value
        async def main():
            print(await uasyncio.gather(give(1), give(2), uasyncio.create_task(give(3))))
            print([str(one) for one in await uasyncio.gather(give(1), give(-2), return_exceptions=True)])
            try:
                await uasyncio.gather(give(-1), give(2))
            except ValueError as e:
                print('raised', e)
            uasyncio.create_task(give(-5))
            await uasyncio.sleep(1)
        uasyncio.run(main())
        uasyncio.run(give(-9))
    """)
    assert script.printed == ["[1, 2, 3]", "['1', '-2']", "raised -1"]
    assert script.tracebacks == [("task", "ValueError", "-5"), ("main", "ValueError", "-9")]


def test_events_and_locks(run):
    script = run("""
        import uasyncio
        event, lock = uasyncio.Event(), uasyncio.Lock()
        async def waiter(name):
            await event.wait()
            async with lock:
                print(name, lock.locked())
                await uasyncio.sleep(1)
        async def main():
            tasks = [uasyncio.create_task(waiter(name)) for name in 'ab']
            await uasyncio.sleep(1)
            print(event.is_set())
            event.set()
            await uasyncio.gather(*tasks)
            event.clear()
            print(event.is_set(), lock.locked())
            try:
                lock.release()
            except RuntimeError as e:
                print(e)
        uasyncio.get_event_loop().run_until_complete(main())
    """)
    assert script.tracebacks == []
    assert script.printed == ["False", "a True", "b True", "False False", "Lock not acquired"]


def test_async_loops_and_methods(run):
    script = run("""
        import uasyncio
        class Counter:
            def __init__(self, end):
                self.now, self.end = 0, end
            def __aiter__(self):
                return self
            async def __anext__(self):
                if self.now == self.end:
                    raise StopAsyncIteration
                self.now += 1
                await uasyncio.sleep_ms(5)
                return self.now
        async def main():
            async for n in Counter(3):
                print(n)
        uasyncio.run(main())
        main()
        try:
            main(1)
        except TypeError:
            print('refused')
    """)
    assert script.tracebacks == []
    assert script.printed == ["1", "2", "3", "refused"]


def test_a_task_that_never_pauses_lets_time_pass_and_hangs_in_the_end(run):
    script = run(
        """
        import uasyncio, _thread, utime
        def beside():
            utime.sleep(2)
            print('beside')
        _thread.start_new_thread(beside, ())
        async def busy():
            while True:
                pass
        uasyncio.run(busy())
    """,
        seconds=60,
    )
    assert script.printed == ["beside"]
    assert script.kinds("hung") == [{"thread": "main"}]


def test_tasks_that_only_yield_let_time_pass_for_good(run, runtime):
    """Longer than it takes to count as hung, where that is counted."""
    script = run(
        """
        import uasyncio, utime
        async def spin():
            until = utime.ticks_ms() + LONG
            while utime.ticks_ms() < until:
                await uasyncio.sleep_ms(0)
            print('through')
        uasyncio.run(spin())
    """.replace("LONG", "300" if runtime == "micropython" else "6000")
    )
    assert script.printed == ["through"]
    assert script.kinds("hung") == []


@pytest.mark.parametrize("how", ["power_cut", "reset"])
def test_a_power_cut_ends_every_task_and_nothing_of_them_acts_again(run, how):
    script = run(
        """
        import uasyncio, uos
        async def stubborn(n):
            while True:
                try:
                    await uasyncio.sleep(500)
                except BaseException:
                    print('ghost')
                finally:
                    print('ghost')
                    uos.mkdir('/usr/ghost')
                    await uasyncio.sleep(1)
        async def main():
            for n in range(20):
                uasyncio.create_task(stubborn(n))
            await uasyncio.sleep(1000)
        uasyncio.run(main())
    """,
        seconds=12,
    )
    script.device.power_cut() if how == "power_cut" else script.device.reset("test")
    before = len(script.printed)
    script.run(2)
    assert len(script.printed) == before
    assert script.tracebacks == []


def test_a_task_left_over_is_no_ghost(run):
    script = run(
        """
        import uasyncio
        async def left():
            try:
                await uasyncio.sleep(1000)
            finally:
                print('ghost')
        async def main():
            uasyncio.create_task(left())
            await uasyncio.sleep(1)
        uasyncio.run(main())
        print('over')
    """
    )
    script.device.power_cut()
    assert script.printed == ["over"]
