"""`qpyota dev` against a cloud that runs: what people get wrong first, then a day at the workbench."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sim.cli.dev_flash import dump
from sim.cli.exits import Exit
from sim.cli.main import main

sys.path.insert(0, str(Path(__file__).parents[1] / "serve"))
from up_rig import Up

VERSION = "EG915UEUABR03A20M08_OCPU_QPY"
Call = Callable[..., str]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with Up(tmp_path_factory.mktemp("dev"), "--speed", "60") as up:
        up.start()
        with pytest.raises(SystemExit):
            main(["dev", "new", "bench-1", "--firmware", VERSION, "--data", str(up.data.path)])
        yield up


@pytest.fixture
def dev(up: Up, capfd: pytest.CaptureFixture[str]) -> Call:
    return caller(up.data.path, capfd)


def caller(data: Path, capfd: pytest.CaptureFixture[str]) -> Call:
    def call(*words: object, code: Exit = Exit.PASSED) -> str:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["dev", *map(str, words), "--data", str(data)])
        out, err = capfd.readouterr()
        assert ended.value.code == code, out + err
        assert "Traceback" not in err or code == Exit.FAILED, err
        return out if code == Exit.PASSED else out + err

    return call


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["exec", "bnch-1", "1"], "there is no device bnch-1; did you mean bench-1?"),
        (["cat", "bench-1"], "is no place on a device: write DEV:/path, e.g. bench-1:/usr/"),
        (["cat", "bench-1:usr/a.py"], "e.g. bench-1:/usr/usr/a.py"),
        (["cat", "bench-1:/usr/none.py"], "bench-1: there is no /usr/none.py"),
        (["cat", "bench-1:/usr"], "/usr"),
        (["cp", "none.py", "bench-1:/usr/"], "none.py: No such file"),
        (["cp", "a.py", "b.py"], "one side is a place on a device"),
        (["rm", "bench-1:/bak/x"], "/bak is read-only"),
        (["mkdir", "bench-1:/bak/x"], "/bak is read-only"),
        (["new", "bench-1"], "there is a device bench-1 already"),
        (["new", "b 2"], "a device cannot be called 'b 2'"),
        (["new", "b2", "--model", "EG915"], "did you mean 'EG915U'?"),
        (["new", "b2", "--firmware", "V1"], "'V1' is no firmware of EG915U; one would be EG915UEUABR01A01M08_OCPU_QPY"),
        (["power", "on", "bench-1"], "bench-1 is on already"),
        (["battery", "bench-1", "9000"], "choose 0 to 5000"),
        (["rm", "bnch-1"], "there is no device bnch-1; did you mean bench-1?"),
        (["flash", "read", "bench-1", "PY_FS"], "neither an address nor a partition of EG915U: BOOT"),
        (["flash", "read", "bench-1", "0x7FFFFF", "2"], "are not within"),
    ],
)
def test_mistakes_are_told_in_a_sentence(dev: Call, words: list[str], message: str) -> None:
    assert message in dev(*words, code=Exit.USAGE)


def test_errors_as_json(dev: Call) -> None:
    told = json.loads(dev("exec", "bnch-1", "1", "--json", code=Exit.USAGE))["error"]
    assert told["exit_code"] == Exit.USAGE
    assert "bnch-1" in told["message"]


def test_without_a_cloud_the_way_out_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    told = caller(tmp_path, capfd)("exec", "bench-1", "1", code=Exit.ENVIRONMENT)
    assert "start one with: qpyota up -d" in told


def test_a_device_without_power(dev: Call) -> None:
    dev("new", "dark")
    dev("exec", "dark", "x = 1")
    dev("power", "cut", "dark")
    for words in (["exec", "dark", "1"], ["ls", "dark:/usr"], ["reset", "dark"], ["cat", "dark:/usr/a"]):
        assert "dark is off; qpyota dev power on dark" in dev(*words, code=Exit.USAGE)
    assert "dark is off already" in dev("power", "cut", "dark", code=Exit.USAGE)
    assert json.loads(dev("power", "on", "dark", "--json"))["state"] == "bootloader"
    assert "NameError" in dev("exec", "dark", "x", code=Exit.FAILED)


def test_code_and_its_exceptions(dev: Call, tmp_path: Path) -> None:
    assert dev("exec", "bench-1", "import modem; print(modem.getDevFwVersion())") == f"{VERSION}\n"
    told = json.loads(dev("exec", "bench-1", "print(1)\n1/0", "--json", code=Exit.FAILED))
    assert told["output"] == "1\n"
    assert told["error"].endswith("ZeroDivisionError: divide by zero\n")
    (tmp_path / "a.py").write_text("y = 5\nprint('ran', 'x' in globals())\n")
    dev("exec", "bench-1", "x = 1")
    assert dev("run", "bench-1", tmp_path / "a.py") == "ran False\n"
    assert dev("exec", "bench-1", "print(y)") == "5\n"


def test_a_main_that_runs_is_interrupted_and_files_are_moved_without(dev: Call, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import utime\nn = 0\nwhile True:\n    n += 1\n    utime.sleep(1)\n")
    dev("new", "busy")
    dev("cp", tmp_path / "main.py", "busy:/usr/")
    dev("reset", "busy", "--hard")
    assert "main.py" in dev("ls", "busy:/usr")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.py").write_text("1")
    (tmp_path / "lib" / "deep").mkdir()
    (tmp_path / "lib" / "deep" / "b.py").write_text("22")
    assert dev("cp", tmp_path / "lib", "busy:/usr/lib") == "2 files, 3 bytes\n"
    assert dev("cat", "busy:/usr/lib/deep/b.py") == "22"
    assert "is not empty" in dev("rm", "busy:/usr/lib", code=Exit.USAGE)
    assert dev("rm", "-r", "busy:/usr/lib").splitlines()[-1] == "/usr/lib"
    assert "KeyboardInterrupt" not in dev("logs", "busy")
    assert int(dev("exec", "busy", "print(n)")) >= 0
    assert "KeyboardInterrupt" in dev("logs", "busy")


def test_files_come_back_as_they_were(dev: Call, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    (tmp_path / "a.bin").write_bytes(content)
    dev("cp", tmp_path / "a.bin", "bench-1:/usr/a.bin")
    dev("cp", "bench-1:/usr/a.bin", tmp_path / "back.bin")
    assert (tmp_path / "back.bin").read_bytes() == content
    (tmp_path / "big.bin").write_bytes(bytes(400_000))
    assert "does not fit" in dev("cp", tmp_path / "big.bin", "bench-1:/usr/big.bin", code=Exit.USAGE)


def test_flash_shows_what_has_changed(dev: Call, tmp_path: Path) -> None:
    dev("new", "clean")
    assert dev("flash", "diff", "clean") == "nothing has changed\n"
    (tmp_path / "a.txt").write_text("find me in flash, all of these words of mine, " * 30)
    dev("cp", tmp_path / "a.txt", "clean:/usr/a.txt")
    changed = json.loads(dev("flash", "diff", "clean", "--json"))["partitions"]
    assert [row["name"] for row in changed] == ["PY_FS_U"]
    partitions = json.loads(dev("flash", "map", "clean", "--json"))["partitions"]
    assert sum(row["bytes"] for row in partitions) == json.loads(dev("flash", "info", "clean", "--json"))["bytes"]
    dev("flash", "read", "clean", "PY_FS_U", 384 * 1024, "-o", tmp_path / "usr.img")
    assert b"find me in flash" in (tmp_path / "usr.img").read_bytes()
    assert "littlefs" in dev("flash", "read", "clean", "PY_FS_U+8", "16")


def test_surroundings(dev: Call) -> None:
    dev("battery", "bench-1", "3300")
    assert dev("exec", "bench-1", "import misc; print(misc.Power.getVbatt())") == "3300\n"
    assert "no coverage" in dev("net", "down", "bench-1")
    dev("reset", "bench-1", "--hard")
    dev("exec", "bench-1", "import utime; utime.sleep(20)")
    assert "no coverage" in dev("ls")
    dev("net", "up", "bench-1")
    dev("exec", "bench-1", "import utime; utime.sleep(5)")
    assert "attached" in next(line for line in dev("ls").splitlines() if line.startswith("bench-1 "))


def test_one_terminal_at_a_time(dev: Call, up: Up) -> None:
    from sim.serve.bench_client import console

    running = up.data.running()
    assert running is not None
    line = console(running, "bench-1")
    assert "in use by another terminal" in dev("exec", "bench-1", "1", code=Exit.USAGE)
    line.leave()
    assert dev("exec", "bench-1", "print(1)") == "1\n"


def test_a_reset_runs_main_even_when_a_tool_died_at_the_raw_prompt(dev: Call, up: Up, tmp_path: Path) -> None:
    from sim.serve.bench_client import CTRL_A, RAW_PROMPT, console

    dev("new", "left")
    (tmp_path / "main.py").write_text("started = True\n")
    dev("cp", tmp_path / "main.py", "left:/usr/")
    running = up.data.running()
    assert running is not None
    line = console(running, "left")
    line.send(b"\r" + CTRL_A)
    line.until(RAW_PROMPT)
    line.line.close()
    dev("reset", "left")
    assert dev("exec", "left", "print(started)") == "True\n"


def test_a_stranger_gets_nothing(up: Up) -> None:
    from dataclasses import replace

    from sim.errors import SpecError
    from sim.serve.bench_client import order

    running = up.data.running()
    assert running is not None
    with pytest.raises(SpecError, match="its orders come from qpyota dev"):
        order(replace(running, bench_token="guess"), "devices")
    assert running.bench_token not in repr(running)


def start(up: Up, *words: str, **more: object) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-c",
        "from sim.cli.main import main; main()",
        "dev",
        *words,
        "--data",
        str(up.data.path),
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, env=environment, **more)  # type: ignore[call-overload]


def test_repl_types_what_is_piped_in(up: Up) -> None:
    process = start(up, "repl", "bench-1", stdin=subprocess.PIPE)
    out, _ = process.communicate("6*7\r", timeout=60)
    assert "42" in out
    assert process.returncode == 0


def test_a_pseudo_terminal_is_a_serial_port(up: Up) -> None:
    process = start(up, "serve", "bench-1", "--pty")
    try:
        assert process.stdout is not None
        path = process.stdout.readline().split()[-1]
        terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
        os.write(terminal, b"\x03\r6*7\r")
        shown = b""
        while b"42" not in shown:
            shown += os.read(terminal, 1000)
        os.close(terminal)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def test_run_again_when_saved(up: Up, tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text("print('one')\nwhile True:\n    pass\n")
    process = start(up, "run", "bench-1", str(script), "--watch")
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any(line == "one\n" for line in lines)
        (tmp_path / "new.py").write_text("print('two')\n")
        shutil.move(tmp_path / "new.py", script)
        assert any(line == "two\n" for line in lines)
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def test_what_the_workbench_wrote_survives_kill_9(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Up(tmp_path, "--speed", "60") as up:
        dev = caller(up.data.path, capfd)
        dev("new", "early", "--model", "EC600NCNLC")
        up.start()
        dev("new", "bench-1")
        (tmp_path / "a.txt").write_text("kept")
        dev("exec", "bench-1", "with open('/usr/b.txt', 'w') as f:\n    print(f.write('kept, too'))")
        dev("cp", tmp_path / "a.txt", "bench-1:/usr/a.txt")
        up.kill()
        up.start()
        assert dev("cat", "bench-1:/usr/a.txt") == "kept"
        assert dev("cat", "bench-1:/usr/b.txt") == "kept, too"
        dev("exec", "early", "1")
        boots = {it["device"]: it["boots"] for it in json.loads(dev("ls", "--json"))["devices"]}
        assert boots["bench-1"] == 2
        assert boots["early"] >= 1


def test_a_removed_device_is_gone_and_its_name_free(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Up(tmp_path, "--speed", "60") as up:
        dev = caller(up.data.path, capfd)
        up.start()
        dev("new", "bench-1")
        dev("new", "other")
        dev("exec", "bench-1", "with open('/usr/b.txt', 'w') as f:\n    print(f.write('x'))")
        assert dev("rm", "bench-1") == "bench-1 is gone\n"
        assert "there is no device bench-1" in dev("exec", "bench-1", "1", code=Exit.USAGE)
        up.kill()
        up.start()
        assert [it["device"] for it in json.loads(dev("ls", "--json"))["devices"]] == ["other"]
        dev("new", "bench-1", "--model", "EC600NCNLC")
        assert "there is no /usr/b.txt" in dev("cat", "bench-1:/usr/b.txt", code=Exit.USAGE)
        dev("battery", "bench-1", "3000")
        assert "has an empty battery" in dev("power", "on", "bench-1", code=Exit.USAGE)


def test_a_dump_leaves_equal_rows_out() -> None:
    assert list(dump(16, b"a" * 16 + bytes(48) + b"b")) == [
        "000010  61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61  aaaaaaaaaaaaaaaa",
        "000020  00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  ................",
        "*",
        "000050  62                                               b",
    ]


def test_what_comes_in_is_in_the_trace(dev: Call) -> None:
    dev("exec", "bench-1", "print('seen')")
    dev("battery", "bench-1", "3600")
    lines = [json.loads(line) for line in dev("logs", "bench-1", "--json").splitlines()]
    assert any(line["kind"] == "console.in" and "print('seen')" in line["text"] for line in lines)
    assert any(line["kind"] == "bench" and line.get("millivolts") == 3600 for line in lines)
    assert any(line["kind"] == "print" and line["text"] == "seen" for line in lines)


def test_a_scenarios_devices_are_on_the_bench_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "main.py").write_text("print('of the scenario')\n")
    (tmp_path / "s.yaml").write_text(
        "version: 1\nname: s\nfleet:\n"
        f"  - {{name: scripted, model: EG915U, firmware: {VERSION}, script: ./app}}\n"
        f"  - {{name: modelled, model: EG915U, firmware: {VERSION}, agent: modelled}}\n"
    )
    with Up(tmp_path, str(tmp_path / "s.yaml"), "--speed", "60") as up:
        up.start()
        dev = caller(up.data.path, capfd)
        assert dev("exec", "scripted", "import usys; print(usys.platform)") == "quectel\n"
        assert dev("cat", "modelled:/usr/none", code=Exit.USAGE)
        assert "built-in application, which has no prompt" in dev("exec", "modelled", "1", code=Exit.USAGE)
        assert "scripted is a device of the scenario" in dev("rm", "scripted", code=Exit.USAGE)
        dev("new", "third")
        assert dev("exec", "third", "print(3)") == "3\n"
