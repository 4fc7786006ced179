# SPDX-License-Identifier: Apache-2.0
"""roamgate in a namespace: its configuration, its two daemons and roamctl."""
import copy
import json
import os
import subprocess

import yaml

from lab import BUILD, REPO, LabError, json_lines, wait_for

DEMO = os.path.join(REPO, "config/examples/demo.yaml")
DATAPLANE = os.path.join(BUILD, "dataplane/roamgate-dataplane")
CONTROL = os.path.join(BUILD, "control/roamgate-control")
ROAMCTL = os.path.join(BUILD, "control/roamctl")
PSK = "a lab's pre-shared key, for nothing else"
EAP_USERS = {"carol@example.net": "correct horse", "dave@example.net": "battery staple", "erin": "a lone name"}


def demo_config():
    with open(DEMO) as f:
        return yaml.safe_load(f)


def lab_config(auth="ecdsa", **connection):
    """The demo's configuration with another authentication and other keys of its one connection;
    a dict value is merged into the one that stands there."""
    config = copy.deepcopy(demo_config())
    roam = config["connections"]["roam"]
    if auth == "psk":
        roam["authentication"] = {"local": "psk", "remote": "psk"}
        config["secrets"] = [{"identity": "*@example.net", "file": "clients.psk"}]
        for key in ("certificate", "private-key", "authorities"):
            config["gateway"].pop(key, None)
    elif auth == "eap":
        roam["authentication"] = {"local": "certificate", "remote": "eap-mschapv2"}
        config["eap"] = {"users": "eap-users"}
        config["gateway"].pop("authorities", None)
    for key, value in connection.items():
        key = key.replace("_", "-")
        if isinstance(value, dict):
            roam.setdefault(key, {}).update(value)
        else:
            roam[key] = value
    return config


class Gateway:
    """`config` is a dict, or the text of a file, which is kept as it stands (with its comments)
    but for the sockets, which are this run's own."""

    def __init__(self, lab, ns, config, pki=None, name="roamgate"):
        self.lab, self.ns, self.name = lab, ns, name
        self.folder = lab.path(name)
        os.makedirs(self.folder, exist_ok=True)
        self.file = os.path.join(self.folder, "roamgate.yaml")
        self.sockets = {p: os.path.join(self.folder, p + ".sock") for p in ("dataplane", "control")}
        self.dataplane = self.control = self.follower = None
        self.starts = 0
        self._write(config)
        if pki:
            for name in ("gw.crt", "gw.key", "ca.crt"):
                with open(os.path.join(pki.folder, name), "rb") as source:
                    self._private(name, source.read())
        self._private("clients.psk", PSK.encode() + b"\n")
        self._private("eap-users", "".join(f"{name}:{word}\n" for name, word in EAP_USERS.items()).encode())

    def _private(self, name, data):
        descriptor = os.open(os.path.join(self.folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as f:
            f.write(data)

    def _write(self, config):
        if isinstance(config, str):
            text = config.replace("\ndataplane:\n", f"\ndataplane:\n  socket: {self.sockets['dataplane']}\n", 1)
            text += f"control: {{socket: {self.sockets['control']}}}\n"
        else:
            config = json.loads(json.dumps(config))  # a copy that shares nothing: no YAML aliases
            config["dataplane"]["socket"] = self.sockets["dataplane"]
            config.setdefault("control", {})["socket"] = self.sockets["control"]
            text = yaml.safe_dump(config, sort_keys=False)
        with open(self.file, "w") as f:
            f.write(text)

    # ---- the daemons

    def start(self):
        self.start_dataplane()
        self.start_control()
        return self

    def start_dataplane(self, timeout=30):
        self.starts += 1
        self.dataplane = self._spawn("dataplane", DATAPLANE)
        self._wait_ready(self.dataplane, lambda: self.ctl("dataplane", "status", check=False) is not None, timeout)

    def start_control(self, timeout=10):
        self.starts += 1
        self.control = self._spawn("control", CONTROL)
        self._wait_ready(self.control, self._control_ready, timeout)

    def _spawn(self, name, program):
        return self.lab.spawn(self.ns, f"{self.name}-{name}-{self.starts}", program, "--config", self.file)

    def _control_ready(self):
        return self.ctl("status", check=False) is not None

    def _wait_ready(self, process, ready, timeout):
        def up():
            if not process.running():
                raise LabError(f"{process.name} ended with {process.popen.returncode}:\n{process.text()[-3000:]}")
            return ready()
        try:
            wait_for(f"{process.name} to be ready", up, timeout, interval=0.05)
        except LabError as error:
            raise LabError(f"{error}\n{process.text()[-3000:]}") from None

    def stop(self):
        """A clean stop of both; their exit codes."""
        return [p.stop() for p in (self.control, self.dataplane) if p]

    def follow_events(self):
        """Collect `roamctl events --json` from now on; read them with events()."""
        self.follower = self.lab.path("events.json")
        out = open(self.follower, "ab")
        self.lab.spawn(self.ns, "roamctl-events", ROAMCTL, *self._where(), "events", "--follow", "--json", stdout=out)

    def events(self):
        """[{"ms", "type", "identity", "text", ...}]; "ms" is CLOCK_MONOTONIC."""
        return [event.get("event", event) for event in json_lines(self.follower)]

    # ---- roamctl

    def _where(self):
        return ("--config", self.file)

    def ctl(self, *command, check=True):
        """What `roamctl COMMAND --json` answers; None with check=False if it could not."""
        done = subprocess.run([ROAMCTL, *self._where(), *command, "--json"], text=True, capture_output=True, timeout=15)
        if done.returncode:
            if check:
                raise LabError(f"roamctl {' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
            return None
        return json.loads(done.stdout)

    def client(self, identity="laptop@example.net"):
        """The session of `identity` as `roamctl clients` shows it, with bare addresses as
        `local-address` and `remote-address`; None if it has none."""
        answer = self.ctl("clients", check=False) or {"clients": []}
        for client in answer["clients"]:
            if client["identity"] == identity and client["state"] == "established":
                for end in ("local", "remote"):
                    client[end + "-address"] = client[end].rpartition(":")[0].strip("[]")
                return client
        return None

    def policies(self):
        """The dataplane's policies of sessions, without those that guard pools and networks (control/ike/traps.h)."""
        return [p for p in self.ctl("dataplane", "policies")["policies"] if p["priority"] != 0xffffffff]

    def drops(self):
        """What the dataplane dropped so far, by cause; all workers together."""
        found = {}
        for counter in self.ctl("dataplane", "counters")["counters"]:
            if counter["drop"]:
                found[counter["name"]] = found.get(counter["name"], 0) + counter["value"]
        return found

    def counter(self, name):
        return sum(c["value"] for c in self.ctl("dataplane", "counters")["counters"] if c["name"] == name)

    def sas(self, kind="child", identity="laptop@example.net"):
        return [sa for sa in self.ctl("sas")[kind] if sa["identity"] == identity]
