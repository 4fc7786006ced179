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
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    result = json.loads(out.read_text())
    assert result["ok"] and result["sha256"] == result["expected"] and len(result["moves"]) == 3
    assert all(check["ok"] for check in result["checks"])
