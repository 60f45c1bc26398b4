"""The unmodified mpremote of PyPI, in processes of its own, against a device of a served cloud."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from up_rig import Up, free_port

from sim.serve import bench_client
from sim.serve.bridge import serve_tcp
from sim.serve.data_dir import Running

DEVICE = {"device": "bench-1", "model": "EG915U", "firmware": "EG915UEUABR03A20M08_OCPU_QPY"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Up(tmp_path_factory.mktemp("mpremote"), "--speed", "60") as up:
        running = up.start()
        bench_client.order(running, "new", **DEVICE)
        yield running


@pytest.fixture(scope="module")
def port(running: Running) -> int:
    port = free_port()
    listens = threading.Event()
    threading.Thread(target=serve_tcp, args=(running, "bench-1", port, lambda _: listens.set()), daemon=True).start()
    assert listens.wait(10)
    return port


class Remote:
    def __init__(self, port: int) -> None:
        self._words = [sys.executable, "-m", "mpremote", "connect", f"socket://127.0.0.1:{port}"]

    def __call__(self, *words: str | Path, resume: bool = True) -> subprocess.CompletedProcess[str]:
        resumed = ["resume"] if resume else []
        return subprocess.run(
            [*self._words, *resumed, *map(str, words)], capture_output=True, text=True, timeout=60, check=False
        )

    def passes(self, *words: str | Path, resume: bool = True) -> str:
        ended = self(*words, resume=resume)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture
def remote(port: int) -> Remote:
    return Remote(port)


def test_an_exception_is_exit_code_1_and_a_traceback(remote: Remote) -> None:
    ended = remote("exec", "print('before'); 1/0")
    assert ended.returncode == 1
    assert "before" in ended.stdout
    assert "ZeroDivisionError" in ended.stdout + ended.stderr


def test_what_is_not_there_and_what_is_read_only_is_told(remote: Remote) -> None:
    ended = remote("fs", "cat", ":/usr/none.py")
    assert ended.returncode == 1
    assert "No such file" in ended.stderr
    assert remote("fs", "mkdir", ":/bak/x").returncode == 1


def test_exec_with_a_soft_reset_eval_and_run(remote: Remote, tmp_path: Path) -> None:
    assert remote.passes("exec", "import uos; print(uos.uname()[1])", resume=False).strip() == "nodename=EG915U"
    assert remote.passes("eval", "6 * 7").strip() == "42"
    (tmp_path / "hello.py").write_text("import utime\nfor i in range(3):\n    utime.sleep(1)\n    print('tick', i)\n")
    assert remote.passes("run", tmp_path / "hello.py").split() == ["tick", "0", "tick", "1", "tick", "2"]


def test_files(remote: Remote, tmp_path: Path) -> None:
    content = bytes(range(256)) * 5
    (tmp_path / "a.bin").write_bytes(content)
    (tmp_path / "t.txt").write_text("text\n")
    shown = remote.passes(
        "fs", "mkdir", ":/usr/folder", "+",
        "fs", "cp", tmp_path / "a.bin", ":/usr/folder/a.bin", "+",
        "fs", "ls", ":/usr/folder", "+",
        "fs", "cp", ":/usr/folder/a.bin", tmp_path / "back.bin", "+",
        "fs", "cp", tmp_path / "t.txt", ":/usr/t.txt", "+",
        "fs", "cat", ":/usr/t.txt",
    )  # fmt: skip
    assert "1280 a.bin" in shown
    assert (tmp_path / "back.bin").read_bytes() == content
    assert shown.splitlines()[-1] == "text"
    gone = (
        "fs",
        "rm",
        ":/usr/folder/a.bin",
        ":/usr/t.txt",
        "+",
        "fs",
        "rmdir",
        ":/usr/folder",
        "+",
        "fs",
        "ls",
        ":/usr",
    )
    assert not remote.passes(*gone).splitlines()[-1].endswith("folder/")
