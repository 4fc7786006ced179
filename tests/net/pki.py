# SPDX-License-Identifier: Apache-2.0
"""A throwaway PKI: one authority, a gateway and clients, with one kind of key throughout."""
import os
import subprocess

KEYS = {
    "ecdsa": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"],
    "p384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-pkeyopt", "ec_param_enc:named_curve"],
    "p521": ["ec", "-pkeyopt", "ec_paramgen_curve:P-521", "-pkeyopt", "ec_param_enc:named_curve"],
    "ed25519": ["ed25519"],
    "ed448": ["ed448"],
    "rsa": ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
}


def _openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr}")


class Pki:
    """Files NAME.key (mode 0600) and NAME.crt under `folder`; the authority is `ca`."""

    def __init__(self, folder, kind="ecdsa"):
        self.folder, self.kind = folder, kind
        os.makedirs(folder, exist_ok=True)
        self._key("ca")
        _openssl("req", "-x509", "-new", "-key", self.key("ca"), "-out", self.crt("ca"), "-days", "3",
                 "-subj", f"/O=roamgate lab/CN={kind} authority",
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def key(self, name):
        return os.path.join(self.folder, name + ".key")

    def crt(self, name):
        return os.path.join(self.folder, name + ".crt")

    def _key(self, name):
        _openssl("genpkey", "-algorithm", *KEYS[self.kind], "-out", self.key(name))
        os.chmod(self.key(name), 0o600)

    def issue(self, name, identity, usage="clientAuth"):
        """A certificate for an FQDN or an RFC 822 address, which stands in the subjectAltName."""
        self._key(name)
        request, extensions = self.crt(name) + ".csr", self.crt(name) + ".ext"
        with open(extensions, "w") as f:
            f.write("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                    f"extendedKeyUsage={usage}\n"
                    f"subjectAltName={'email' if '@' in identity else 'DNS'}:{identity}\n")
        _openssl("req", "-new", "-key", self.key(name), "-out", request, "-subj", f"/O=roamgate lab/CN={identity}")
        _openssl("x509", "-req", "-in", request, "-CA", self.crt("ca"), "-CAkey", self.key("ca"),
                 "-CAcreateserial", "-days", "3", "-extfile", extensions, "-out", self.crt(name))
        return self.crt(name)

    def revoke(self, *names):
        """The authority's list, with these certificates on it; gives its name."""
        file = os.path.join(self.folder, "ca.crl")
        command = ["pki", "--signcrl", "--cacert", self.crt("ca"), "--cakey", self.key("ca"), "--lifetime", "1"]
        for name in names:
            command += ["--cert", self.crt(name)]
        done = subprocess.run(command, capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()}")
        with open(file + ".new", "wb") as f:
            f.write(done.stdout)
        os.rename(file + ".new", file)
        return file
