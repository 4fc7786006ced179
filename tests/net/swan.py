# SPDX-License-Identifier: Apache-2.0
"""strongSwan from Debian as a peer: charon-systemd in a namespace of its own with
kernel-libipsec (userspace ESP), driven through VICI. No systemd, no global files."""
import os
import re
import shutil
import subprocess

from lab import LabError, wait_for
from vici import Vici, ViciError

PLUGINS = ("random nonce openssl drbg kdf pem pkcs1 pkcs8 x509 pubkey revocation constraints chapoly ctr xcbc cmac "
           "kernel-libipsec kernel-netlink socket-default vici updown eap-identity eap-mschapv2 counters")

CONF = """
charon-systemd {{
  load = {plugins}
  install_virtual_ip = yes
  {options}
  plugins {{
    kernel-libipsec {{
      allow_peer_ts = yes
    }}
    vici {{
      socket = unix://{vici}
    }}
    revocation {{
      enable_crl = no
      enable_ocsp = no
    }}
  }}
  filelog {{
    main {{
      path = {folder}/charon.log
      time_format = %s
      time_add_ms = yes
      default = 1
      ike = 2
      flush_line = yes
    }}
    keys {{
      path = {folder}/keys.log
      default = 0
      ike = 4
      chd = 4
      flush_line = yes
    }}
  }}
}}
swanctl {{
  load = pem pkcs1 pkcs8 x509 pubkey openssl random
}}
"""

CONNECTION = """
connections {{
  {name} {{
    version = 2
    {local_addrs}
    remote_addrs = {remote_addrs}
    {vips}
    mobike = {mobike}
    fragmentation = {fragmentation}
    proposals = {ike}
    dpd_delay = {dpd}
    keyingtries = 1
    rekey_time = {ike_rekey}
    {extra}
    local {{
      auth = {auth}
      id = {identity}
      {local_cert}
    }}
    remote {{
      auth = {remote_auth}
      id = {remote_identity}
      {remote_ca}
    }}
    children {{
      {child} {{
        {local_ts}
        remote_ts = {remote_ts}
        esp_proposals = {esp}
        rekey_time = {child_rekey}
        dpd_action = clear
        close_action = none
      }}
      {children}
    }}
  }}
}}
{secrets}
{pools}
"""

DEFAULTS = dict(name="gw", child="net", vips="0.0.0.0", mobike="yes", fragmentation="yes",
                ike="aes128gcm16-prfsha256-x25519", esp="aes128gcm16", dpd="0s", ike_rekey="0s", child_rekey="0s",
                extra="", children="", pools="", local_addrs="", local_ts="", remote_identity="gw.example.net",
                identity="laptop@example.net", remote_ts="10.20.0.0/24")


class Strongswan:
    def __init__(self, lab, ns, name="laptop", options=""):
        self.lab, self.ns, self.name = lab, ns, name
        self.folder = lab.path(name)
        for part in ("", "swanctl", "swanctl/x509", "swanctl/x509ca", "swanctl/private"):
            os.makedirs(os.path.join(self.folder, part), exist_ok=True)
        self.vici_path = os.path.join(self.folder, "vici")
        self.process, self.settings = None, dict(DEFAULTS)
        self.options = options
        self.environment = {"STRONGSWAN_CONF": os.path.join(self.folder, "strongswan.conf"),
                            "SWANCTL_DIR": os.path.join(self.folder, "swanctl")}

    # ---- configuration

    def configure(self, psk=None, pki=None, cert=None, eap=None, **settings):
        """One connection with one child; `psk` for pre-shared keys, else `pki` and the name of our certificate, or
        with `eap` a (name, password) that stand instead of it."""
        s = self.settings = {**DEFAULTS, **settings}
        directory = self.environment["SWANCTL_DIR"]
        if psk:
            s.update(auth="psk", remote_auth="psk", local_cert="", remote_ca="",
                     secrets=f'secrets {{ ike-1 {{ secret = "{psk}" }} }}')
        elif eap:
            shutil.copy(pki.crt("ca"), os.path.join(directory, "x509ca", "ca.crt"))
            s.update(auth="eap-mschapv2", remote_auth="pubkey", local_cert=f"eap_id = {eap[0]}",
                     remote_ca="cacerts = ca.crt",
                     secrets=f'secrets {{ eap-1 {{ id = {eap[0]}\n secret = "{eap[1]}" }} }}')
        else:
            shutil.copy(pki.crt("ca"), os.path.join(directory, "x509ca", "ca.crt"))
            shutil.copy(pki.crt(cert), os.path.join(directory, "x509", "own.crt"))
            shutil.copy(pki.key(cert), os.path.join(directory, "private", "own.key"))
            s.update(auth=settings.get("auth", "pubkey"), remote_auth=settings.get("remote_auth", "pubkey"),
                     local_cert="certs = own.crt", remote_ca="cacerts = ca.crt", secrets="")
        for key, option in (("local_addrs", "local_addrs"), ("local_ts", "local_ts"), ("vips", "vips")):
            if s[key]:
                s[key] = f"{option} = {s[key]}"
        with open(os.path.join(directory, "swanctl.conf"), "w") as f:
            f.write(CONNECTION.format(**s))
        os.chmod(os.path.join(directory, "swanctl.conf"), 0o600)
        if self.process:
            self._load()

    def start(self):
        with open(self.environment["STRONGSWAN_CONF"], "w") as f:
            f.write(CONF.format(plugins=PLUGINS, vici=self.vici_path, folder=self.folder, options=self.options))
        self.process = self.lab.spawn(self.ns, self.name + "-charon", "/usr/sbin/charon-systemd", env=self.environment)
        wait_for(f"charon's socket of {self.name}", self._answers)
        self._load()
        return self

    def _answers(self):
        if not self.process.running():
            raise LabError(f"charon ended at its start: {self.process.text()[-500:]}")
        try:
            self.vici().close()
            return True
        except OSError:
            return False

    def _load(self):
        done = subprocess.run(["swanctl", "--load-all", "--clear", "--noprompt", "--uri", "unix://" + self.vici_path],
                              env={**os.environ, **self.environment}, text=True, capture_output=True, timeout=20)
        if done.returncode:
            raise LabError(f"swanctl --load-all: {done.stdout} {done.stderr}")

    # ---- what it does

    def vici(self, timeout=60):
        return Vici(self.vici_path, timeout)

    def request(self, command, **message):
        connection = self.vici()
        try:
            return connection.request(command, message)
        except ViciError as error:
            raise LabError(f"strongSwan {self.name}: {error}; its log ends:\n{self.log()[-1500:]}") from error
        finally:
            connection.close()

    def initiate(self, timeout=15):
        self.request("initiate", child=self.settings["child"], ike=self.settings["name"], timeout=int(timeout * 1000))
        return self.sa()

    def terminate(self, timeout=5, **what):
        self.request("terminate", **(what or {"ike": self.settings["name"]}), timeout=int(timeout * 1000))

    def rekey(self, ike=False):
        self.request("rekey", **({"ike": self.settings["name"]} if ike else {"child": self.settings["child"]}))

    def sas(self):
        connection = self.vici()
        try:
            events = connection.stream("list-sas", "list-sa")
        finally:
            connection.close()
        return [{"name": name, **sa} for event in events for name, sa in event.items()]

    def sa(self):
        """The one established IKE SA, with `children` as a list; None if there is none."""
        found = [sa for sa in self.sas() if sa.get("state") == "ESTABLISHED"]
        if not found:
            return None
        sa = found[-1]
        sa["children"] = list(sa.get("child-sas", {}).values())
        return sa

    def child(self):
        """The installed Child SA (the newest, if a rekey has left two for a moment)."""
        sa = self.sa()
        children = [c for c in (sa or {}).get("children", []) if c["state"] == "INSTALLED"]
        return max(children, key=lambda c: int(c["uniqueid"])) if children else None

    def endpoints(self):
        sa = self.sa()
        return (sa["local-host"], sa["remote-host"]) if sa else None

    # ---- what it said

    def log(self):
        try:
            with open(os.path.join(self.folder, "charon.log"), errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def log_lines(self, since=0.0):
        """[(unix time, text)] of its log; lines are `SECONDS.mmm THREAD[GROUP] text`."""
        lines = []
        for line in self.log().splitlines():
            match = re.match(r"(\d+)\.(\d{3}) (\d\d\[.*)", line)
            if match and (when := int(match[1]) + int(match[2]) / 1000) >= since:
                lines.append((when, match[3]))
        return lines


CMD_CONF = """
charon-cmd {{
  load = {plugins}
  install_virtual_ip = yes
  interfaces_use = wlan
  plugins {{
    kernel-libipsec {{
      allow_peer_ts = yes
    }}
    revocation {{
      enable_crl = no
      enable_ocsp = no
    }}
  }}
}}
"""


class CharonCmd:
    """strongSwan's client for the command line. It locks files in /run, so it has one of its own."""

    def __init__(self, lab, ns, name="charon-cmd"):
        self.lab, self.ns, self.name, self.process = lab, ns, name, None
        self.folder = lab.path(name)
        os.makedirs(os.path.join(self.folder, "run"), exist_ok=True)

    def connect(self, password, *arguments):
        conf = os.path.join(self.folder, "strongswan.conf")
        plugins = PLUGINS.replace(" vici", "").replace(" updown", "").replace(" counters", "")
        with open(conf, "w") as f:
            f.write(CMD_CONF.format(plugins=plugins))
        secret = os.path.join(self.folder, "password")
        with open(secret, "w") as f:
            f.write(password + "\n")
        script = 'mount --bind "$1" /run && shift && exec charon-cmd "$@"'
        with open(secret) as stdin:
            self.process = self.lab.spawn(self.ns, self.name, "unshare", "-m", "sh", "-c", script, "sh",
                                          os.path.join(self.folder, "run"), *arguments, stdin=stdin,
                                          env={"STRONGSWAN_CONF": conf})
        return self

    def log(self):
        return self.process.text()

    def stop(self):
        return self.process.stop()
