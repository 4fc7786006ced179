# SPDX-License-Identifier: Apache-2.0
"""`./run demo`, shorter: the first end-to-end test."""
import json
import os
import subprocess

from lab import REPO


def test_demo(tmp_path):
    out = tmp_path / "demo.json"
    done = subprocess.run(["/usr/bin/python3", os.path.join(REPO, "tests/net/demo.py"), "--phase", "3", "--rate", "6",
                           "--json", str(out)], text=True, capture_output=True)
    assert out.exists(), done.stdout[-6000:] + done.stderr[-2000:]
    result = json.loads(out.read_text())
    print(done.stdout)
    # how long the silence was is the demo's to judge: a test does not measure a busy machine
    failed = [check for check in result["checks"] if not check["ok"] and "silence" not in check["check"]]
    assert not failed and (result["ok"] is (done.returncode == 0)), done.stdout[-6000:] + done.stderr[-2000:]
    assert result["sha256"] == result["expected"] and len(result["moves"]) == 3 and len(result["checks"]) >= 8
