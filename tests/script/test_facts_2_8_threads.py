"""What the facts say of `_thread`, section 2.8, one surprise a test."""


def test_2_8_ids_are_numbers_and_a_thread_that_ended_does_not_run(run):
    script = run("""
        import _thread, utime
        def work(seconds):
            print(type(_thread.get_ident()))
            utime.sleep(seconds)
        n = _thread.start_new_thread(work, (2,))
        utime.sleep(1)
        print(type(n), _thread.threadIsRunning(n), _thread.threadIsRunning(99))
        utime.sleep(2)
        print(_thread.threadIsRunning(n))
    """)
    assert script.printed == ["<class 'int'>", "<class 'int'> True False", "False"]


def test_2_8_a_stack_is_8448_bytes_and_never_less_than_8192_and_its_size_is_set_for_the_next_thread(run):
    script = run("""
        import _thread
        print(_thread.stack_size(16384), _thread.stack_size(100), _thread.stack_size(), _thread.stack_size())
    """)
    assert script.printed == ["8448 16384 8192 8448"]


def test_2_8_stop_thread_0_ends_the_thread_that_calls_it(run):
    script = run("""
        import _thread, utime
        def work():
            print('before')
            _thread.stop_thread(0)
            print('after')
        n = _thread.start_new_thread(work, ())
        utime.sleep(1)
        print(_thread.threadIsRunning(n))
    """)
    assert script.printed == ["before", "False"]
    assert script.tracebacks == []


def test_2_8_locks_are_acquired_released_and_deleted(run):
    script = run("""
        import _thread
        lock = _thread.allocate_lock()
        print(lock.locked(), lock.acquire(), lock.locked(), lock.acquire(0), lock.release(), lock.locked())
        _thread.delete_lock(lock)
        lock.release()
    """)
    assert script.printed == ["False True True False None False"]
    assert [error for _, error, _ in script.tracebacks] == ["RuntimeError"]


def test_2_8_an_exception_prints_a_traceback_and_ends_that_thread_only(run):
    script = run("""
        import _thread, utime
        def bad():
            {}['x']
        _thread.start_new_thread(bad, ())
        utime.sleep(1)
        print('main lives')
    """)
    assert script.printed == ["main lives"]
    assert [(thread, error) for thread, error, _ in script.tracebacks] == [("thread 3", "KeyError")]


def test_2_8_stacks_come_out_of_the_systems_heap_and_when_it_is_used_up_no_thread_can_be_created(run):
    script = run("""
        import _thread, utime
        print(_thread.get_heap_size())
        _thread.stack_size(524288)
        ids, told = [], ''
        try:
            for _ in range(9):
                ids.append(_thread.start_new_thread(utime.sleep, (60,)))
        except OSError as e:
            told = e
        print(len(ids), told, _thread.get_heap_size())
        _thread.stop_thread(ids[0])
        print(_thread.get_heap_size(), _thread.threadIsRunning(_thread.start_new_thread(utime.sleep, (1,))))
    """)
    assert script.printed == ["2199424", "4 can't create thread 102272", "626560 True"]
