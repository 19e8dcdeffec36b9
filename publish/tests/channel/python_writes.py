"""Writes three states of a repository with python-tuf, one folder for each.

Arguments: the folder that holds 0.json, 1.json and 2.json (the target of each state) and gets state-0 to state-2; the path
of the target; the role that names it; the epoch.

From state 0 to 1 the target changes; from 1 to 2 the keys of all roles do, and the target again. Beside it there is
models/deep.json, which says the number of the state, and which the role deep names, by the role models.
"""

import datetime
import os
import sys

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

folder, path, role_name, epoch = sys.argv[1:]
EXPIRES = datetime.datetime(2027, 1, 1, tzinfo=datetime.timezone.utc)
TOP = ["root", "targets", "snapshot", "timestamp"]


def new_keys():
    """Two of two for the root, of two kinds; one for each other role, of three."""
    one = CryptoSigner.generate_ed25519
    return {
        "root": [one(), CryptoSigner.generate_ecdsa()],
        "targets": [CryptoSigner.generate_ecdsa()],
        "snapshot": [CryptoSigner.generate_rsa()],
        "timestamp": [one()],
        "models": [one()],
        "deep": [one()],
        role_name: [CryptoSigner.generate_ecdsa()],
    }


def write(state, name, content):
    place = os.path.join(folder, f"state-{state}", name)
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as file:
        file.write(content)


def sign(payload, signers):
    metadata = Metadata(payload)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def root_of(keys, version):
    root = Root(version=version, expires=EXPIRES, unrecognized_fields={"x-lacre-epoch": int(epoch)})
    for role in TOP:
        for signer in keys[role]:
            root.add_key(signer.public_key, role)
    root.roles["root"].threshold = 2
    return root


def delegations(keys, patterns):
    """Hands each pattern of paths to the role that stands beside it."""
    known = {signer.public_key.keyid: signer.public_key for name in patterns for signer in keys[name]}
    roles = {
        name: DelegatedRole(name, [signer.public_key.keyid for signer in keys[name]], 1, True, [pattern])
        for name, pattern in patterns.items()
    }
    return Delegations(known, roles)


old, new = new_keys(), new_keys()
roots = []
for state in range(3):
    keys = new if state == 2 else old
    version = state + 1
    if state == 0:
        roots.append(sign(root_of(old, 1), old["root"]))
    if state == 2:
        roots.append(sign(root_of(new, 2), old["root"] + new["root"]))
    for number, content in enumerate(roots, 1):
        write(state, f"{number}.root.json", content)
    with open(os.path.join(folder, f"{state}.json"), "rb") as file:
        document = file.read()
    deep = str(state).encode()
    targets = {}
    for name, content in [(path, document), ("models/deep.json", deep)]:
        targets[name] = TargetFile.from_data(name, content, ["sha256"])
        parent, last = name.rsplit("/", 1)
        write(state, f"{parent}/{targets[name].hashes['sha256']}.{last}", content)

    handed = 2 if state == 2 else 1
    top = Targets(version=handed, expires=EXPIRES)
    top.delegations = delegations(keys, {role_name: path, "models": "models/*"})
    between = Targets(version=handed, expires=EXPIRES)
    between.delegations = delegations(keys, {"deep": "models/deep.json"})
    own = Targets(version=version, expires=EXPIRES, targets={path: targets[path]})
    below = Targets(version=version, expires=EXPIRES, targets={"models/deep.json": targets["models/deep.json"]})
    snapshot = Snapshot(version=version, expires=EXPIRES)
    for label, payload in [("targets", top), ("models", between), ("deep", below), (role_name, own)]:
        content = sign(payload, keys[label])
        write(state, f"{payload.version}.{label}.json", content)
        snapshot.meta[f"{label}.json"] = MetaFile.from_data(payload.version, content, ["sha256"])
    content = sign(snapshot, keys["snapshot"])
    write(state, f"{version}.snapshot.json", content)
    named = MetaFile.from_data(version, content, ["sha256"])
    timestamp = Timestamp(version=version, expires=EXPIRES, snapshot_meta=named)
    write(state, "timestamp.json", sign(timestamp, keys["timestamp"]))
