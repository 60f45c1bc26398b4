"""What a script's `fota` does differs by family: what it takes, when it returns, and which numbers it tells."""

import textwrap

import pytest

from sim.device.catalogue import load_model
from sim.device.peek import installed_version
from sim.pack.build import build_full
from sim.scenario.loader import load_scenario
from sim.scenario.packages import firmware
from sim.scenario.result import RunOptions
from sim.scenario.world import World

HOST = "https://files.s3.us-west-2.amazonaws.com/"
VERSIONS = {
    "EG915U": ("EG915UEUABR03A20M08_OCPU_QPY", "EG915UEUABR03A21M08_OCPU_QPY"),
    "EC800NCNLA": ("EC800NCNLAR01A01M08_OCPU_QPY", "EC800NCNLAR01A02M08_OCPU_QPY"),
    "EC600NCNLC": ("EC600NCNLCR01A01M16_OCPU_QPY", "EC600NCNLCR01A02M16_OCPU_QPY"),
}
METHOD = {"EG915U": "differential", "EC800NCNLA": "minimal", "EC600NCNLC": "differential"}

SCENARIO = """\
version: 1
name: fota
fleet:
  - {{name: dut, model: {model}, firmware: {old}, script: ./device}}
packages:
  good: {{method: {method}, from: {old}, to: {new}}}
  pair: {{method: {method}, from: {old}, to: {new}}}
cloud:
  public: [files]
  buckets:
    files: {{{objects}}}
"""


@pytest.fixture
def run(tmp_path):
    made = []

    def go(model, body, seconds=900, put=None):
        old, new = VERSIONS[model]
        (tmp_path / "device").mkdir()
        main = "import fota, utime, modem\nHOST = '" + HOST + "'\n" + textwrap.dedent(body)
        (tmp_path / "device" / "main.py").write_text(main)
        names = ("a.mini_1", "a.mini_2") if METHOD[model] == "minimal" else ("a.pack",)
        objects = ", ".join(f"{name}: {{package: good}}" for name in names)
        text = SCENARIO.format(model=model, old=old, new=new, method=METHOD[model], objects=objects)
        (tmp_path / "s.yaml").write_text(text)
        world = World(load_scenario(tmp_path / "s.yaml"), RunOptions(transport="memory"))
        made.append(world)
        for name, data in (put or {}).items():
            world.account.artifacts.put("files", name, data)
        world.records = []
        world.trace.observe(world.records.append)
        world.start()
        world.clock.run(seconds * 1_000_000)
        return world

    yield go
    for world in made:
        world.close()


def printed(world):
    return [r.data["text"] for r in world.records if r.kind == "print"]


def kinds(world, kind):
    return [r.data for r in world.records if r.kind == kind]


ASYNC = """
    told = []
    print(modem.getDevFwVersion())
    if modem.getDevFwVersion().endswith('{old}'):
        start = utime.ticks_ms()
        print(fota().httpDownload(url1=HOST + '{file}', callback=told.append))
        print(utime.ticks_diff(utime.ticks_ms(), start) < 100, told)
        utime.sleep(60)
        print(told[-1])
"""


@pytest.mark.parametrize(
    ("file", "number"),
    [("none.pack", 1006), ("pair.pack", 1009), ("long" * 200 + ".pack", None)],
    ids=["missing", "wrong kind", "URL too long"],
)
def test_an_asynchronous_fota_accepts_and_tells_its_callback_a_number_of_its_own(run, file, number):
    from sim.scenario.packages import build

    mini = build("EC600NCNLC", "minimal", *VERSIONS["EC600NCNLC"])[0]
    old = VERSIONS["EC600NCNLC"][0]
    world = run("EC600NCNLC", ASYNC.format(old=old[-10:], file=file), seconds=120, put={"pair.pack": mini})
    limit = load_model("EC600NCNLC").fota.url_limit_chars
    if number is None:
        assert printed(world)[1] == ("-1" if limit else "0")
        return
    assert printed(world)[1:] == ["0", "True []", f"[-1, {number}]"]
    assert kinds(world, "reset") == []


def test_an_asynchronous_fota_that_works_restarts_the_module(run):
    old, new = VERSIONS["EC600NCNLC"]
    world = run("EC600NCNLC", ASYNC.format(old=old[-14:], file="a.pack"))
    assert printed(world)[:3] == [old, "0", "True []"]
    assert printed(world)[-1] == new


MINI = """
    told = []
    print(modem.getDevFwVersion())
    if modem.getDevFwVersion().endswith('{old}'):
        f = fota()
        print(f.httpDownload(url1=HOST + 'a.mini_1'))
        print(f.httpDownload(url1=HOST + 'a.mini_1', url2=HOST + 'b.mini_2'))
        print(f.httpDownload(url1=HOST + 'a.mini_1?' + 'x' * 100, url2=HOST + 'a.mini_2'))
        print(f.httpDownload(url1=HOST + 'a.mini_1', url2=HOST + 'a.mini_2', callback=told.append))
        print(told)
        utime.sleep(10)
        print('never')
"""


def test_a_family_with_the_minimal_method_alone_takes_two_addresses_and_never_calls_back(run):
    old, new = VERSIONS["EC800NCNLA"]
    world = run("EC800NCNLA", MINI.format(old=old[-14:]), seconds=3600)
    assert printed(world) == [old, "-1", "-1", "-1", "0", "[]", new]
    assert [failure["code"] for failure in kinds(world, "fota.failed")] == [712, 711, 711]
    device = world.devices["dut"]
    assert installed_version(device) == new
    assert device.resets == 4


def test_a_package_of_a_kind_that_the_family_cannot_apply_is_refused_by_its_header(run):
    model = load_model("EG915U")
    package = build_full(firmware(model, VERSIONS["EG915U"][1]), model.image_places)
    body = "print(fota().httpDownload(url1=HOST + 'full.pack'))"
    world = run("EG915U", body, seconds=60, put={"full.pack": package})
    assert printed(world) == ["-1"]
    assert "full package" in kinds(world, "fota.failed")[0]["reason"]
    assert [answer["bytes"] for answer in kinds(world, "http")] == [32 * 1024]
    staging = world.devices["dut"].layout.package
    assert staging.image(0, staging.size_bytes) == b"\xff" * staging.size_bytes
