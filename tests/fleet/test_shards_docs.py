"""docs/shards.md and docs/deploy: commands run, options exist, and what belongs together agrees."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import click
import pytest
import yaml

from sim.cli.exits import Exit
from sim.cli.main import cli, main
from sim.cli.worker import worker

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
PAGE = (ROOT / "docs" / "shards.md").read_text()


def commands(text):
    """The words of every qpyota command in a text, after that of the program."""
    flat = re.sub(r"\\\n", " ", text)
    for line in re.findall(r"(?<![\w/-])qpyota (?:run|worker) [^\n`|]*", flat):
        yield shlex.split(line.rstrip("& "))[1:]


def check(words):
    """Whether `qpyota` has this command with these options."""
    command = cli.get_command(click.Context(cli), words[0])
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    asked = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert asked <= known, (words, asked - known)


@pytest.mark.parametrize("file", ["../shards.md", "README.md", "Dockerfile", "slurm.sh", "daskjob.yaml"])
def test_every_option_in_the_pages_is_there(file):
    found = list(commands(re.sub(r"(--shards 4)\n *(--dask)", r"\1 \2", (DEPLOY / file).read_text())))
    assert found
    for words in found:
        check(words)


def test_the_first_command_of_the_page_runs_with_a_smaller_scenario(capsys):
    words = next(commands(PAGE))
    assert words == ["run", "canceled_rollout", "--shards", "2"]
    with pytest.raises(SystemExit) as end:
        main([word.replace("canceled_rollout", "truncated_file") for word in words] + ["--quiet"])
    assert end.value.code == Exit.PASSED
    assert "replay: qpyota run truncated_file --seed 1 --transport memory" in capsys.readouterr().out


def test_workers_join_a_hub_that_waits_for_them():
    """Processes, since the index of a shard may come from the environment, which threads would share."""
    wait, join = [words for words in commands(PAGE) if "--hub" in words or "--join" in words]
    port = free_port()
    wait = [word.replace("10.0.0.1:7801", f"127.0.0.1:{port}") for word in wait]
    join = [word.replace("10.0.0.1:7801", f"127.0.0.1:{port}") for word in join]
    kubernetes = {"JOB_COMPLETION_INDEX": "1"}
    started = [called(join), called(join, **kubernetes), called([*wait, "--quiet"])]
    try:
        said = [process.communicate(timeout=120)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [Exit.PASSED] * 3, said
    for index, told in enumerate(said[:2]):
        assert f"shard {index} of 2 of canceled_rollout-" in told
        assert "the run is over" in told
    assert f"waiting for workers: qpyota worker --join http://127.0.0.1:{port}" in said[2]


def called(words, **environment):
    """`qpyota` with these words, in a process and an environment of its own."""
    code = "import sys; from sim.cli.main import main; main(sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "QPYOTA_TOKEN": "something-secret", **environment},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["run", "one_device", "--hub", "0.0.0.0:1"], Exit.USAGE, "--hub needs --shards N"),
        (["run", "one_device", "--shards", "1", "--hub", "7801"], Exit.USAGE, "--hub 7801: give HOST:PORT"),
        (["run", "one_device", "--shards", "1", "--transport", "virtual"], Exit.USAGE, "give --transport memory"),
        (["run", "one_device", "--shards", "2", "--repeat", "2"], Exit.USAGE, "--shards is for one run"),
        (["worker", "--join", "http://127.0.0.1:9"], Exit.USAGE, "give it with --token or QPYOTA_TOKEN"),
        (["worker", "--join", "10.0.0.1:7801", "--token", "x"], Exit.ENVIRONMENT, "is no address of a hub"),
    ],
)
def test_what_does_not_go_together_is_told(words, code, text, capsys, monkeypatch):
    monkeypatch.delenv("QPYOTA_TOKEN", raising=False)
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == code
    assert text in capsys.readouterr().err


def test_the_kubernetes_jobs_agree_with_each_other():
    made = {
        (one["kind"], one["metadata"]["name"]): one
        for one in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    }
    hub, shards = made["Job", "qpyota-hub"]["spec"], made["Job", "qpyota-shards"]["spec"]
    run, join = (spec["template"]["spec"]["containers"][0]["args"] for spec in (hub, shards))
    check(run)
    check(join)
    number = run[run.index("--shards") + 1]
    assert number == str(shards["completions"]) == str(shards["parallelism"])
    assert shards["completionMode"] == "Indexed"
    assert "JOB_COMPLETION_INDEX" in [option.envvar for option in worker.params if option.name == "index"]
    port = run[run.index("--hub") + 1].rpartition(":")[2]
    service = made["Service", "qpyota-hub"]
    policy = made["NetworkPolicy", "qpyota-hub"]["spec"]
    assert [one["port"] for one in service["spec"]["ports"]] == [int(port)]
    assert [one["port"] for one in policy["ingress"][0]["ports"]] == [int(port)]
    assert join == ["worker", "--join", f"http://{service['metadata']['name']}:{port}"]
    assert service["spec"]["selector"] == hub["template"]["metadata"]["labels"] == policy["podSelector"]["matchLabels"]
    sources = policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert sources == shards["template"]["metadata"]["labels"]
    for spec in (hub, shards):
        (container,) = spec["template"]["spec"]["containers"]
        assert [one["name"] for one in container["env"]] == ["QPYOTA_TOKEN"]


def test_the_dask_job_has_a_worker_for_every_shard():
    made = yaml.safe_load((DEPLOY / "daskjob.yaml").read_text())
    (container,) = made["spec"]["job"]["spec"]["containers"]
    (words,) = commands(container["args"][0])
    check(words)
    workers = made["spec"]["cluster"]["spec"]["worker"]
    assert words[words.index("--shards") + 1] == str(workers["replicas"])
    assert "$DASK_SCHEDULER_ADDRESS" in words
    address = next(one["value"] for one in container["env"] if one["name"] == "DASK_SCHEDULER_ADDRESS")
    ports = made["spec"]["cluster"]["spec"]["scheduler"]["service"]["ports"]
    assert address == f"tcp://{made['metadata']['name']}-scheduler:{ports[0]['port']}"
    (args,) = (one["args"] for one in workers["spec"]["containers"])
    assert args[args.index("--nthreads") + 1] == "1"
    assert "--memory-limit" in args


def test_the_image_is_made_of_what_is_there():
    text = (DEPLOY / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        *sources, _ = line.split()
        assert all((ROOT / source).exists() for source in sources), line
    copied = " ".join(re.findall(r"^COPY (.*)$", text, re.MULTILINE)).split()
    assert {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"], "pyproject.toml"} <= set(copied)
    assert set(re.findall(r"EXTRAS=\[(\w+)\]", text)) <= set(project["project"]["optional-dependencies"])
    assert 'ENTRYPOINT ["qpyota"]' in text
    assert "USER qpyota" in text


def test_the_slurm_job_runs(tmp_path):
    bin_folder, port = tmp_path / "bin", free_port()
    bin_folder.mkdir()
    tools = {
        "hostname": "echo 127.0.0.1",
        "srun": 'n=${1#--ntasks=}; shift 2; while [ "$n" -gt 0 ]; do n=$((n - 1)); "$@" & done; wait',
        "qpyota": f'exec {sys.executable} -c "import sys; from sim.cli.main import main; main(sys.argv[1:])" "$@"',
    }
    for name, text in tools.items():
        (bin_folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (bin_folder / name).chmod(0o755)
    job = tmp_path / "job.sh"
    job.write_text((DEPLOY / "slurm.sh").read_text().replace("7801", str(port)))
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "SLURM_NTASKS": "2",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["sh", str(job), "truncated_file"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "PASSED truncated_file" in done.stdout


def test_ctrl_c_ends_the_run_and_its_shards_without_a_word_more(tmp_path):
    words = ["run", "staged_rollout", "--shards", "1", "--quiet", "--set", "fleet.1.count=4000"]  # for some seconds
    program = "import sys; from sim.cli.main import main; main(sys.argv[1:])"
    hub = subprocess.Popen(
        [sys.executable, "-c", program, *words, "--trace", str(tmp_path / "trace")],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and not ((tmp_path / "trace").exists() and (tmp_path / "trace").stat().st_size):
        time.sleep(0.01)
    children = Path(f"/proc/{hub.pid}/task/{hub.pid}/children").read_text().split()
    hub.send_signal(signal.SIGINT)
    _, err = hub.communicate(timeout=60)
    assert (hub.returncode, err.strip()) == (Exit.INTERRUPTED, "qpyota: interrupted")
    assert len(children) == 1
    assert not Path(f"/proc/{children[0]}").exists()


def free_port():
    """A port of this machine that is free now, below those that the system gives out."""
    for port in range(20_100, 20_900):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")
