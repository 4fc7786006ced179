# SPDX-License-Identifier: Apache-2.0
"""strongSwan as the swarm's gateway: charon-systemd from Debian in the gateway's namespace, with userspace ESP
(kernel-libipsec) and as little logging and as large tables as it can have."""
import os
import shutil
import subprocess

from lab import LabError, wait_for
from vici import Vici

CHARON = "/usr/sbin/charon-systemd"
PLUGINS = ("random nonce openssl drbg kdf pem pkcs1 pkcs8 x509 pubkey revocation constraints kernel-libipsec "
           "kernel-netlink socket-default vici")

CONF = """
charon-systemd {{
  load = {plugins}
  threads = 16
  ikesa_table_size = 16384
  ikesa_table_segments = 16
  install_routes = no
  cookie_threshold = {cookies}
  block_threshold = 0
  half_open_timeout = 30
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
      default = -1
      flush_line = yes
    }}
  }}
}}
swanctl {{
  load = pem pkcs1 pkcs8 x509 pubkey openssl random
}}
"""

SWANCTL = """
connections {{
  swarm {{
    version = 2
    local_addrs = {addresses}
    pools = road, road6
    proposals = {ike}
    mobike = yes
    dpd_delay = 0s
    rekey_time = 0s
    unique = replace
    local {{
      auth = {auth}
      id = {identity}
      {cert}
    }}
    remote {{
      auth = {auth}
      {remote}
    }}
    children {{
      net {{
        local_ts = 10.20.0.0/24, 2001:db8:20::/64
        esp_proposals = {esp}
        rekey_time = 0s
      }}
    }}
  }}
}}
pools {{
  road {{
    addrs = 10.96.0.0/12
  }}
  road6 {{
    addrs = 2001:db8:99::/97
  }}
}}
{secrets}
"""


def installed():
    return os.access(CHARON, os.X_OK) and shutil.which("swanctl") is not None


class StrongswanGateway:
    """Takes roamgate's place in a rig; `process` is what is measured. `prefix`: of its command."""

    def __init__(self, lab, ns, prefix=(), cookies=0):
        self.lab, self.ns, self.prefix, self.cookies = lab, ns, prefix, cookies
        self.folder = lab.path("strongswan")
        for part in ("x509", "x509ca", "private"):
            os.makedirs(os.path.join(self.folder, "swanctl", part), exist_ok=True)
        self.vici = os.path.join(self.folder, "vici")
        self.process = None
        self.environment = {"STRONGSWAN_CONF": os.path.join(self.folder, "strongswan.conf"),
                            "SWANCTL_DIR": os.path.join(self.folder, "swanctl")}

    def configure(self, addresses, identity, ike, esp, psk=None, pki=None):
        folder = self.environment["SWANCTL_DIR"]
        if psk:
            how = {"auth": "psk", "cert": "", "remote": "", "secrets": f'secrets {{ ike-1 {{ secret = "{psk}" }} }}'}
        else:
            shutil.copy(pki.crt("ca"), os.path.join(folder, "x509ca", "ca.crt"))
            shutil.copy(pki.crt("gw"), os.path.join(folder, "x509", "gw.crt"))
            shutil.copy(pki.key("gw"), os.path.join(folder, "private", "gw.key"))
            how = {"auth": "pubkey", "cert": "certs = gw.crt", "remote": "cacerts = ca.crt", "secrets": ""}
        with open(os.path.join(folder, "swanctl.conf"), "w") as f:
            f.write(SWANCTL.format(addresses=", ".join(addresses), identity=identity, ike=ike, esp=esp, **how))
        os.chmod(os.path.join(folder, "swanctl.conf"), 0o600)
        with open(self.environment["STRONGSWAN_CONF"], "w") as f:
            f.write(CONF.format(plugins=PLUGINS, vici=self.vici, folder=self.folder, cookies=self.cookies))

    def start(self):
        self.process = self.lab.spawn(self.ns, "strongswan", *self.prefix, CHARON, env=self.environment)
        wait_for("charon's socket", self._answers)
        done = subprocess.run(["swanctl", "--load-all", "--noprompt", "--uri", "unix://" + self.vici],
                              env={**os.environ, **self.environment}, text=True, capture_output=True, timeout=20)
        if done.returncode:
            raise LabError(f"swanctl --load-all: {done.stdout} {done.stderr}")
        return self

    def _answers(self):
        if not self.process.running():
            raise LabError(f"charon ended at its start: {self.process.text()[-500:]}")
        try:
            Vici(self.vici, 5).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.stop()
