"""Writes repositories with python-tuf, of every kind that its clients read.

Arguments: the folder that gets a folder KIND/STATE for each, and the kinds.

The kinds are `plain` and `consistent` (with the version in the names of files), each without and with `-pinned`
(lengths and digests in the snapshot and the timestamp), and `succinct`, which delegates to numbered bins (TAP 15).

The states are three. State 1 has another target and another delegated role than state 0; state 2 has other keys for all
roles, by two further roots. The targets:

    file.txt        named by `targets`, SHA-256 and SHA-512
    dir/deep.txt    named by `deep`, which `dir/../odd role` delegates to, SHA-512 alone
    hashed.txt      named by `bin`, which speaks for a prefix of hashes
"""

import datetime
import hashlib
import os
import sys
from urllib import parse

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    SuccinctRoles,
    TargetFile,
    Targets,
    Timestamp,
)

EXPIRES = datetime.datetime(2031, 1, 1, tzinfo=datetime.timezone.utc)
TOP = ["root", "targets", "snapshot", "timestamp"]
ODD = "dir/../odd role"


def new_keys():
    one = CryptoSigner.generate_ed25519
    keys = {role: [one()] for role in ["snapshot", "timestamp", ODD, "bin"]}
    keys["root"] = [one(), CryptoSigner.generate_ecdsa(), CryptoSigner.generate_rsa()]
    keys["targets"] = [CryptoSigner.generate_ecdsa(), one()]
    keys["deep"] = [CryptoSigner.generate_rsa(scheme="rsassa-pss-sha256")]
    return keys


class Repository:
    """One state after the other, in folders of their own; what was written stays."""

    def __init__(self, folder, consistent, pinned):
        self.folder, self.consistent, self.pinned = folder, consistent, pinned
        self.files, self.versions = {}, {}

    def sign(self, payload, signers):
        metadata = Metadata(payload)
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def put(self, role, payload, signers):
        payload.version = self.versions[role] = self.versions.get(role, 0) + 1
        payload.expires = EXPIRES
        payload.unrecognized_fields["x-unknown"] = {"a": ["é", None, True, -1]}
        content = self.sign(payload, signers)
        name = parse.quote(role, "") + ".json"
        if role == "root" or (self.consistent and role != "timestamp"):
            name = f"{payload.version}.{name}"
        self.files[name] = content
        if self.pinned:
            return MetaFile.from_data(payload.version, content, ["sha256", "sha512"])
        return MetaFile(payload.version)

    def root(self, keys, signers):
        root = Root(consistent_snapshot=self.consistent)
        for role in TOP:
            for signer in keys[role]:
                root.add_key(signer.public_key, role)
        root.roles["root"].threshold = root.roles["targets"].threshold = 2
        self.put("root", root, signers)

    def target(self, path, content, hashes):
        target = TargetFile.from_data(path, content, hashes)
        folder, _, last = path.rpartition("/")
        for digest in target.hashes.values():
            name = f"{digest}.{last}" if self.consistent else last
            self.files["/".join(filter(None, ["targets", folder, name]))] = content
        return {path: target}

    def publish(self, keys, text):
        def delegations(*roles):
            known = {signer.public_key.keyid: signer.public_key for role in roles for signer in keys[role.name]}
            for role in roles:
                role.keyids = [signer.public_key.keyid for signer in keys[role.name]]
            return Delegations(known, {role.name: role for role in roles})

        prefix = hashlib.sha256(b"hashed.txt").hexdigest()[:3]
        top = Targets(targets=self.target("file.txt", text + b"1", ["sha256", "sha512"]))
        top.delegations = delegations(
            DelegatedRole("bin", [], 1, False, None, [prefix]),
            DelegatedRole(ODD, [], 1, True, ["dir/*"]),
        )
        odd = Targets()
        odd.delegations = delegations(DelegatedRole("deep", [], 1, False, ["*/d??p.txt"]))
        named = {
            "targets": top,
            ODD: odd,
            "deep": Targets(targets=self.target("dir/deep.txt", text + b"2", ["sha512"])),
            "bin": Targets(targets=self.target("hashed.txt", text + b"3", ["sha256"])),
        }
        self.finish(keys, {role: self.put(role, payload, keys[role]) for role, payload in named.items()})

    def finish(self, keys, metas):
        meta = {f"{role}.json": meta for role, meta in metas.items()}
        pin = self.put("snapshot", Snapshot(meta=meta), keys["snapshot"])
        self.put("timestamp", Timestamp(snapshot_meta=pin), keys["timestamp"])

    def write(self, state):
        for name, content in self.files.items():
            place = os.path.join(self.folder, str(state), name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(content)


def write_kind(folder, consistent, pinned):
    repository = Repository(folder, consistent, pinned)
    old, new = new_keys(), new_keys()
    repository.root(old, old["root"][:2])
    repository.publish(old, b"first")
    repository.write(0)
    repository.publish(old, b"second")
    repository.write(1)
    # One key of the root after the other, then all roles.
    repository.root(old | {"root": old["root"][:2] + new["root"][:1]}, old["root"])
    repository.root(new, old["root"][:2] + new["root"])
    repository.publish(new, b"third")
    repository.write(2)


def write_succinct(folder):
    repository = Repository(folder, True, False)
    keys = new_keys()
    repository.root(keys, keys["root"])
    key = keys["bin"][0].public_key
    top = Targets(delegations=Delegations({key.keyid: key}, None, SuccinctRoles([key.keyid], 1, 1, "bin")))
    metas = {"targets": repository.put("targets", top, keys["targets"])}
    for number in range(2):
        metas[f"bin-{number}"] = repository.put(f"bin-{number}", Targets(), keys["bin"])
    repository.finish(keys, metas)
    repository.write(0)


for kind in sys.argv[2:]:
    place = os.path.join(sys.argv[1], kind)
    if kind == "succinct":
        write_succinct(place)
    else:
        write_kind(place, kind.startswith("consistent"), kind.endswith("-pinned"))
