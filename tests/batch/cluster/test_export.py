from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from cnmf3d.batch import Batch, Item, Status, sync
from cnmf3d.batch.cluster import export_shell, export_slurm
from cnmf3d.batch.cluster.resources import Wanted
from cnmf3d.batch.motions import PLACE
from cnmf3d.batch.processes import lives
from cnmf3d.errors import InputError, UsageError
from cnmf3d.results import load_results


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "jobs 'ü' $x"


def run(script: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script with bash, where nothing else is."""
    nowhere = script.parent / "nowhere"
    nowhere.mkdir(exist_ok=True)
    done = subprocess.run(
        ["bash", script], capture_output=True, text=True, env={**os.environ, **environment}, cwd=nowhere, check=False
    )
    assert list(nowhere.iterdir()) == []
    return done


def recorder(tmp_path: Path) -> str:
    """A stand-in for Python that says what it was called with."""
    program = tmp_path / "my 'python'"
    program.write_text('#!/bin/sh\nfor each; do folder=$each; done\nprintf "%s\\n" "$@" >"$folder/called"\nexit 0\n')
    program.chmod(0o755)
    return str(program)


def directives(script: Path) -> dict[str, str]:
    """What SLURM reads of a script: lines before the first command."""
    found = {}
    for line in script.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            break
        if told := re.fullmatch(r"#SBATCH --([a-z-]+)(?:=(.*))?", line):
            found[told[1]] = told[2] or ""
    return found


def test_each_item_and_all_as_an_array(batch: Batch, items: list[Item], out: Path, tmp_path: Path) -> None:
    scripts = export_slurm(batch, items, out, python=recorder(tmp_path))
    assert [script.name for script in scripts] == [
        "all.sh",
        f"mouse-touch-made-a-{items[0].uuid[:8]}.sh",
        f"b-SBATCH-partition-x-{items[1].uuid[:8]}.sh",
    ]
    assert sorted(out.iterdir()) == sorted(scripts)
    for script in scripts:
        told = directives(script)
        assert "partition" not in told
        assert re.fullmatch(r"cnmf3d-[A-Za-z0-9.-]+", told["job-name"])
        assert re.fullmatch(r"[A-Za-z0-9.-]+-(%j|%A-%a)\.out", told["output"])
        assert re.fullmatch(r"0-00:\d\d:00", told["time"])
        assert re.fullmatch(r"\d+M", told["mem"])
        assert told["cpus-per-task"] == "1"
        assert told.get("array") == ("1-2" if script.name == "all.sh" else None)
    assert [item.status for item in batch.items()] == [Status.PENDING, Status.PENDING]


def test_scripts_are_sound(batch: Batch, items: list[Item], out: Path) -> None:
    scripts = [*export_slurm(batch, items, out), *export_shell(batch, items, out)]
    for script in scripts:
        subprocess.run(["bash", "-n", script], check=True)
        if shutil.which("shellcheck"):
            done = subprocess.run(
                ["shellcheck", "--severity=warning", script], capture_output=True, text=True, check=False
            )
            assert done.stdout == ""


def test_every_task_of_the_array_gets_its_folder(batch: Batch, items: list[Item], out: Path, tmp_path: Path) -> None:
    array = export_slurm(batch, items, out, python=recorder(tmp_path))[0]
    for number, item in enumerate(items, 1):
        done = run(array, SLURM_ARRAY_TASK_ID=str(number))
        assert (done.returncode, done.stderr) == (0, "")
        folder = batch.run_folder(item).path
        assert (folder / "called").read_text() == f"-P\n-m\ncnmf3d.batch.worker\n{folder}\n"
        assert json.loads((folder / "job.json").read_text())["workers"] == 1
    assert run(array, SLURM_ARRAY_TASK_ID="3").returncode == 2
    assert run(array).returncode == 2


def test_many_items_are_several_arrays(
    batch: Batch, items: list[Item], out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnmf3d.batch.cluster.slurm.LONGEST", 1)
    scripts = export_slurm(batch, items, out, python=recorder(tmp_path))
    assert [script.name for script in scripts[:2]] == ["all-1.sh", "all-2.sh"]
    assert run(scripts[1], SLURM_ARRAY_TASK_ID="1").returncode == 0
    assert not (batch.run_folder(items[0]).path / "called").exists()
    assert (batch.run_folder(items[1]).path / "called").exists()


def test_what_is_asked_for_reaches_directives_and_job(batch: Batch, items: list[Item], out: Path) -> None:
    scripts = export_slurm(batch, items[:1], out, wanted=Wanted.read(3, "5G", "2h"))
    told = directives(scripts[1])
    assert (told["cpus-per-task"], told["mem"], told["time"]) == ("3", "5120M", "0-02:00:00")
    assert batch.run_folder(items[0]).job.workers == 3


def test_a_template_of_the_users(batch: Batch, items: list[Item], out: Path, tmp_path: Path) -> None:
    own = tmp_path / "lab.sh"
    own.write_text('{% extends "slurm.sh" %}{% block directives %}\n#SBATCH --partition=cpu\n{% endblock %}')
    for script in export_slurm(batch, items, out, template=own):
        assert directives(script)["partition"] == "cpu"
    own.write_text("#!/bin/bash\n#SBATCH --mem={{ memory }}\n{{ folder }}\n{{ command }}\n")
    for script in export_slurm(batch, items, out, template=own) * 2:
        assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    own.write_text("{{ nonsense }}")
    with pytest.raises(UsageError, match="nonsense"):
        export_slurm(batch, items, tmp_path / "other", template=own)
    assert list((tmp_path / "other").glob("*")) == []


def test_plain_bash_goes_on_after_a_failure(batch: Batch, items: list[Item], out: Path, tmp_path: Path) -> None:
    (script,) = export_shell(batch, items, out, python=recorder(tmp_path))
    assert script.name == "run.sh"
    assert run(script).returncode == 0
    folders = [batch.run_folder(item).path for item in items]
    for folder in folders:
        assert (folder / "called").read_text().endswith(f"{folder}\n")
        (folder / "called").unlink()
    folders[0].rename(folders[0].with_name("gone"))
    done = run(script)
    assert done.returncode == 1
    assert "Export it again" in done.stderr
    assert (folders[1] / "called").exists()


def test_a_real_item_in_a_real_script(batch: Batch, items: list[Item], out: Path, tmp_path: Path) -> None:
    """`sbatch` is played by a script that runs each task of the array."""
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(
        "#!/bin/bash\nlast=$(sed -n 's/^#SBATCH --array=1-//p' \"$1\")\n"
        'for ((n = 1; n <= last; n++)); do SLURM_ARRAY_TASK_ID=$n bash "$1" || exit; done\n'
    )
    array = export_slurm(batch, items[1:], out)[0]
    subprocess.run(["bash", sbatch, array], check=True, capture_output=True)
    assert load_results(batch.run_folder(items[1]).results).components.count > 0
    assert [item.status for item in batch.items()] == [Status.PENDING, Status.PENDING]
    written = batch.run_folder(items[1]).results.stat().st_mtime_ns
    subprocess.run(["bash", sbatch, array], check=True, capture_output=True)
    assert batch.run_folder(items[1]).results.stat().st_mtime_ns == written
    assert [item.uuid for item in sync(batch)] == [items[1].uuid]
    assert [item.status for item in batch.items()] == [Status.PENDING, Status.DONE]


def test_an_abort_reaches_a_job_that_nobody_here_started(
    batch: Batch, items: list[Item], longer: Path, out: Path
) -> None:
    batch.delete([item.uuid for item in items])
    item = batch.add(longer, name="long")
    folder = batch.run_folder(item)
    (script,) = export_shell(batch, [item], out)
    job = subprocess.Popen(["bash", script], stdout=subprocess.DEVNULL)
    try:
        while not lives(folder.worker()):
            assert job.poll() is None
            time.sleep(0.05)
        assert [each.uuid for each in sync(batch)] == [item.uuid]
        assert batch.item("long").status is Status.RUNNING
        with pytest.raises(UsageError, match="running"):
            export_shell(batch, [item], out)
        batch.abort(["long"])
        assert job.wait(20) == 1
    finally:
        job.kill()
    sync(batch)
    assert batch.item("long").status is Status.ABORTED
    assert subprocess.run(["bash", script], stdout=subprocess.DEVNULL, check=False).returncode == 1
    assert not folder.results.exists()


def test_jobs_do_not_wait_for_the_cache_of_another_one(batch: Batch, items: list[Item], movie: Path, out: Path) -> None:
    first = items[0]
    item = batch.add(movie, name="second", options={"use_memmap": True, "memmap_uuid": first.uuid, "other": 1})
    export_shell(batch, [item], out)
    options = dict(batch.run_folder(item).job.options)
    assert options.pop(PLACE).rstrip("/").endswith("motion") and options == {"other": 1}
    batch.change(first.uuid, Status.PENDING, Status.DONE)
    export_shell(batch, [item], out)
    told = batch.run_folder(item).job.options
    assert told["memmap_uuid"] == first.uuid and Path(told["memmap_folder"]).name == first.uuid


def test_items_that_cant_be_exported(batch: Batch, items: list[Item], out: Path, movie: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no items"):
        export_slurm(batch, [], out)
    with pytest.raises(UsageError, match="no items"):
        export_shell(batch, [], out)
    batch.change(items[0].uuid, Status.PENDING, Status.RUNNING)
    with pytest.raises(UsageError, match="running"):
        export_slurm(batch, batch.items(), out)
    batch.change(items[0].uuid, Status.RUNNING, Status.DONE)
    with pytest.raises(UsageError, match="done already"):
        export_shell(batch, batch.items(), out)
    copy = shutil.copy(movie, tmp_path / "copy.tif")
    lost = batch.add(copy, name="lost", opening={"rate": 5})
    Path(copy).unlink()
    with pytest.raises(InputError, match="lost: the movie"):
        export_slurm(batch, [items[1], lost], out)
    assert not out.exists()
    assert not batch.run_folder(items[1]).path.exists()


def test_an_engine_that_cant_be_foretold_needs_to_be_told(batch: Batch, items: list[Item], out: Path) -> None:
    other = dataclasses.replace(items[0], engine="caiman")
    with pytest.raises(UsageError, match="foretold") as error:
        export_slurm(batch, [other], out)
    assert "--memory" in error.value.fix


def test_a_folder_that_cant_be_made(batch: Batch, items: list[Item], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be made"):
        export_slurm(batch, items, tmp_path / "file" / "jobs")
