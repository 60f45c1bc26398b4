"""What the facts say of queue, ql_fs and log, section 2.9, one surprise a test."""

import pytest

FULL = """
    import queue
    q = queue.Queue(2)
    print([q.put(i) for i in range(5)], q.size())
"""


def test_2_9_put_never_waits_and_says_false_when_it_is_full(run):
    assert run(FULL).printed == ["[True, True, False, False, False] 2"]


def test_2_9_in_2021_full_means_more_than_its_size(run):
    assert run(FULL, generation="G21").printed == ["[True, True, True, False, False] 3"]


def test_2_9_get_waits_without_a_time_out(run):
    script = run(
        """
        import queue, _thread, utime
        q = queue.Queue()
        def late():
            utime.sleep(40)
            q.put('late')
        _thread.start_new_thread(late, ())
        print(q.get(), utime.ticks_ms() > 40000)
        try:
            q.get(timeout=1)
        except TypeError:
            print('TypeError')
        """
    )
    assert script.printed == ["late True", "TypeError"]


def test_2_9_the_size_of_a_missing_file_is_a_name_error(run):
    script = run("import ql_fs\nql_fs.path_getsize('/usr/missing')")
    assert [error for _, error, _ in script.tracebacks] == ["NameError"]


def test_2_9_file_copy_takes_the_target_first_and_says_false_for_a_missing_source(run):
    script = run(
        """
        import ql_fs
        ql_fs.touch('/usr/a.json', {'a': 1})
        print(ql_fs.file_copy('/usr/b.json', '/usr/a.json'), ql_fs.read_json('/usr/b.json'))
        print(ql_fs.file_copy('/usr/b.json', '/usr/missing'), ql_fs.read_json('/usr/b.json'))
        """
    )
    assert script.printed == ["True {'a': 1}", "False {'a': 1}"]


def test_2_9_file_copy_empties_its_target_before_it_knows_that_there_is_no_room(run):
    script = run(
        """
        import ql_fs, uos
        ql_fs.touch('/usr/target', {'old': 1})
        with open('/usr/big', 'wb') as f:
            for _ in range(50):
                f.write(bytes(4096))
        try:
            ql_fs.file_copy('/usr/target', '/usr/big')
        except OSError as e:
            print('OSError', e.args[0])
        """
    )
    assert script.printed == ["OSError 28"]


def test_2_9_touch_writes_json_and_read_json_gives_none_without_a_file(run):
    script = run(
        """
        import ql_fs
        print(ql_fs.touch('/usr/deep/er/c.json', {'k': None}), ql_fs.read_json('/usr/deep/er/c.json'))
        print(ql_fs.read_json('/usr/none'), ql_fs.path_dirname('/usr/deep/er/c.json'), repr(ql_fs.path_dirname('c')))
        ql_fs.rmdirs('/usr/deep')
        print(ql_fs.path_exists('/usr/deep'))
        """
    )
    assert script.printed == ["0 {'k': None}", "None /usr/deep/er ''", "False"]


@pytest.mark.parametrize(("level", "seen"), [("DEBUG", 5), ("INFO", 4), ("WARNING", 3), ("ERROR", 2), ("CRITICAL", 1)])
def test_2_9_log_keeps_what_is_at_its_level_or_above_and_takes_percent_arguments(run, level, seen):
    script = run(
        f"""
        import log
        log.basicConfig(level=log.{level})
        l = log.getLogger('app')
        for method in (l.debug, l.info, l.warning, l.error, l.critical):
            method('%s of %d', 'one', 5)
        """
    )
    assert [(data["name"], data["text"]) for data in script.kinds("log")] == [("app", "one of 5")] * seen
