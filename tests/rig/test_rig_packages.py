"""What jobs bring, and the versions that follow one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.device.catalogue import known_models, load_model
from sim.errors import SpecError
from sim.rig import Rig
from sim.rig.packages import Packages, next_version


@pytest.mark.parametrize("variant", [row.variant for row in known_models()])
def test_every_model_has_a_next_version(variant: str) -> None:
    model = load_model(variant)
    after = next_version(model, model.example_version)
    assert model.owns_version(after)
    assert after > model.example_version


def test_a_version_that_none_follows() -> None:
    with pytest.raises(SpecError, match="no version follows 'x'; name one with to="):
        next_version(load_model("EG915U"), "x")


def test_packages_are_for_the_device(rig: Rig) -> None:
    device = rig.device(model="EC200A")
    package = rig.packages(device).diff()
    assert (package.operation, package.files[0].version) == (
        "FOTA",
        next_version(load_model("EC200A"), device.firmware or ""),
    )
    assert package.size_bytes == len(package.files[0].data) > 1000
    assert package.document(["u"]) == [
        {
            "operation": "FOTA",
            "files": [
                {"fileName": package.files[0].name, "fileVersion": package.files[0].version, "fileSource": {"url": "u"}}
            ],
        }
    ]


@pytest.mark.parametrize(("method", "variant", "count"), [("full", "BG95", 1), ("minimal", "EC600NCNLC", 2)])
def test_other_methods_upgrade_too(rig: Rig, method: str, variant: str, count: int) -> None:
    packages = rig.packages(device := rig.device(model=variant))
    if method not in load_model(variant).methods and method == "full":
        with pytest.raises(SpecError, match="does not take full upgrades"):
            packages.full()
        return
    package = getattr(packages, method)()
    assert len(package.files) == count
    rig.cloud.create_job("j", device, package=package).wait("SUCCEEDED", timeout="1h")
    assert device.firmware == package.files[0].version


def test_what_a_model_does_not_take(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    with pytest.raises(SpecError, match="EC200A does not take full upgrades, only differential"):
        packages.full(model="EC200A")
    with pytest.raises(SpecError, match="does not take minimal upgrades"):
        packages.minimal(model="EC200A")
    with pytest.raises(SpecError, match="'x' is no firmware of EC200A; one would be"):
        packages.diff(model="EC200A", to="x")
    with pytest.raises(SpecError, match="name one with model="):
        packages.diff()
    with pytest.raises(SpecError, match="there is no model 'EC200'"):
        packages.diff(model="EC200")


def test_application_files(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_bytes(b"b")
    package = Packages(tmp_path).app({"/usr/a.py": b"a", "/usr/b.py": "b.py"}, version="3.1")
    assert [(file.name, file.version, file.data) for file in package.files] == [
        ("/usr/a.py", "3.1", b"a"),
        ("/usr/b.py", "3.1", b"b"),
    ]
    with pytest.raises(SpecError, match="no files"):
        Packages(tmp_path).app({})
    with pytest.raises(SpecError, match=r"c\.py cannot be read"):
        Packages(tmp_path).app({"/usr/c.py": "c.py"})
