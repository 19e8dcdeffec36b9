//! `lacre sign --reuse` with an old signature that is not ours, and with a cache that is not what was written.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use lacre_manifest::{MachineId, ModelIdentity, Stamps};
use lacre_testkit::{edit_bundle, tamper};
use serde_json::{Value, json};

use crate::place::Place;
use crate::snapshot::Snapshot;

const REUSE: &str = "sign model --key release.key --name org/mini-lm --version 1.0.0 --force \
                     --reuse model/model.sig";

/// The sample, signed by the binary: its stamps are noted. Nothing on a machine without a name.
fn noted() -> Option<(Place, PathBuf, ModelIdentity)> {
    if MachineId::here().is_none() {
        eprintln!("SKIPPED: this machine has no /etc/machine-id: no cache was tried");
        return None;
    }
    let place = Place::sample();
    let line = "sign model --key release.key --name org/mini-lm --version 1.0.0 --force";
    let signed = place.accepts(line);
    let identity = signed["result"]["identity"].as_str().unwrap();
    let file = place.cache().join("lacre/stamps").join(identity);
    assert!(file.is_file());
    Some((place, file, ModelIdentity::from_hex(identity).unwrap()))
}

/// Signs, writing nothing: every file must be hashed with the right result, and the warning say why.
fn hashes_all(place: &Place, identity: &ModelIdentity, why: &str) {
    let value = place.accepts(&format!("{REUSE} --dry-run"));
    let result = &value["result"];
    assert_eq!(result["identity"], identity.to_string());
    assert_eq!((&result["reuse"]["reused"], &result["reuse"]["rehashed"]), (&json!(0), &json!(8)));
    assert_eq!(result["reuse"]["cache"], "ignored");
    let warnings: Vec<&str> =
        result["warnings"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert!(
        matches!(warnings[..], [one] if one.starts_with("every file is hashed: ") && one.contains(why)),
        "{why}: {warnings:?}"
    );
}

fn reuses_all(place: &Place) {
    let value = place.accepts(&format!("{REUSE} --dry-run"));
    assert_eq!(value["result"]["reuse"]["reused"], 8, "{value}");
    assert_eq!(value["result"]["warnings"], json!([]));
}

#[test]
fn a_signature_of_another_key() {
    let place = Place::sample();
    place.other_key();
    let before = Snapshot::of(place.cache());
    let sign = "sign model --key other.key --name m --force --reuse model/model.sig";
    let said = place.refuses(sign, 5, "E-SIGNER-UNTRUSTED");
    assert!(said.contains("--reuse takes over only what the same key has signed"), "{said}");
    place.refuses(&format!("{sign} --rehash"), 5, "E-SIGNER-UNTRUSTED");
    // It names our key, and is not by it.
    let hint = lacre_hash::Sha256Digest::of(&fs::read(place.beside("other.pub")).unwrap()).to_string();
    let bundle = edit_bundle(place.sealed.bundle(), |bundle| {
        bundle["verificationMaterial"]["publicKey"]["hint"] = hint.into();
    });
    place.sealed.write_bundle(&bundle);
    place.refuses(sign, 3, "E-SIGNATURE-INVALID");
    assert!(before.changes(&Snapshot::of(place.cache())).is_empty(), "a refusal notes nothing");
}

#[test]
fn what_is_no_signature_of_a_model() {
    let place = Place::sample();
    let sign = "sign model --key release.key --name m --signature new.sig --reuse";
    place.refuses(&format!("{sign} gone.sig"), 10, "E-NOT-FOUND");
    place.refuses(&format!("{sign} model"), 10, "E-UNREADABLE");
    place.refuses(&format!("{sign} release.pub"), 13, "E-JSON");
    place.refuses(&format!("{sign} -"), 13, "E-JSON");
    place.sealed.write_bundle(&place.sealed.resigned(|statement| {
        statement["predicateType"] = "https://slsa.dev/provenance/v1".into();
    }));
    place.refuses(&format!("{sign} model/model.sig"), 13, "E-PREDICATE-TYPE");
    place.sealed.write_bundle(&place.sealed.resigned(|statement| {
        statement["predicate"]["resources"][0]["size"] = json!(1);
    }));
    place.refuses(&format!("{sign} model/model.sig"), 13, "E-IDENTITY");
}

/// As `model_signing` signs: no sizes, no BLAKE3, no identity.
#[test]
fn a_signature_without_sizes() {
    if MachineId::here().is_none() {
        eprintln!("SKIPPED: this machine has no /etc/machine-id: no cache was tried");
        return;
    }
    let place = Place::sample();
    let identity = place.sealed.statement()["subject"][0]["digest"]["lacre"].as_str().unwrap().to_owned();
    place.sealed.write_bundle(&place.sealed.resigned(|statement| {
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre");
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            let resource = resource.as_object_mut().unwrap();
            resource.retain(|member, _| ["algorithm", "digest", "name"].contains(&member.as_str()));
        }
    }));
    hashes_all(
        &place,
        &ModelIdentity::from_hex(&identity).unwrap(),
        "gives no sizes (it was made by another tool)",
    );
}

#[test]
fn a_cache_with_any_byte_of_its_header_changed() {
    let Some((place, file, identity)) = noted() else { return };
    reuses_all(&place);
    let good = fs::read(&file).unwrap();
    for offset in 0..56 {
        tamper::flip(&file, offset);
        let why = if matches!(offset, 14 | 15) { "another version of lacre" } else { "damaged" };
        hashes_all(&place, &identity, why);
        fs::write(&file, &good).unwrap();
    }
    reuses_all(&place);
}

#[test]
fn a_cache_with_a_stamp_or_the_checksum_changed_cut_short_or_grown() {
    let Some((place, file, identity)) = noted() else { return };
    let good = fs::read(&file).unwrap();
    for offset in [56, 56 + 40, good.len() - 33, good.len() - 32, good.len() - 1] {
        tamper::flip(&file, offset as u64);
        hashes_all(&place, &identity, "damaged: their checksum");
        fs::write(&file, &good).unwrap();
    }
    for length in [0, 13, 15, 55, 56, 87, 88, good.len() - 40, good.len() - 1] {
        fs::write(&file, &good[..length]).unwrap();
        hashes_all(&place, &identity, "damaged");
    }
    for more in [1, 40, 1 << 20] {
        fs::write(&file, [good.as_slice(), &vec![0; more]].concat()).unwrap();
        hashes_all(&place, &identity, "damaged");
    }
    fs::write(&file, &good).unwrap();
    reuses_all(&place);
    // What was damaged is made good by the next signing.
    fs::write(&file, "").unwrap();
    place.accepts(REUSE);
    reuses_all(&place);
}

#[test]
fn a_cache_from_another_machine_or_of_another_model() {
    let Some((place, file, identity)) = noted() else { return };
    let here = MachineId::here().unwrap();
    let stamps = Stamps::parse(&fs::read(&file).unwrap(), &identity, &here).unwrap();
    let there = MachineId::parse("00112233445566778899aabbccddeeff").unwrap();
    fs::write(&file, stamps.to_bytes(&identity, &there)).unwrap();
    hashes_all(&place, &identity, "on another machine");
    let other = ModelIdentity::from_hex(&"00".repeat(32)).unwrap();
    fs::write(&file, stamps.to_bytes(&other, &here)).unwrap();
    hashes_all(&place, &identity, "damaged: their checksum");
}

#[test]
fn a_cache_of_another_number_of_files() {
    let Some((place, file, identity)) = noted() else { return };
    let here = MachineId::here().unwrap();
    // The stamps of a model with one file less, under the name of ours.
    fs::rename(place.entry("empty.bin"), place.beside("empty.bin")).unwrap();
    let signed =
        place.accepts("sign model --key release.key --name m --force --signature new.sig --ignore model.sig");
    fs::rename(place.beside("empty.bin"), place.entry("empty.bin")).unwrap();
    let fewer = ModelIdentity::from_hex(signed["result"]["identity"].as_str().unwrap()).unwrap();
    let bytes = fs::read(file.with_file_name(fewer.to_string())).unwrap();
    let stamps = Stamps::parse(&bytes, &fewer, &here).unwrap();
    fs::write(&file, stamps.to_bytes(&identity, &here)).unwrap();
    hashes_all(&place, &identity, "7 stamps for 8 files");
}

#[test]
fn a_cache_that_somebody_else_could_have_written() {
    let Some((place, file, identity)) = noted() else { return };
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        hashes_all(&place, &identity, "can be written by others");
    }
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let elsewhere = place.cache().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    hashes_all(&place, &identity, "is a symbolic link");
    // A link is replaced, not written through.
    let before = fs::read(&elsewhere).unwrap();
    place.accepts(REUSE);
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
    reuses_all(&place);
    tamper::replace_by_fifo(&file);
    hashes_all(&place, &identity, "is no regular file");
    tamper::replace_by_folder(&file);
    hashes_all(&place, &identity, "is no regular file");
}

#[test]
fn a_cache_that_belongs_to_another_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give a file to another user");
        return;
    }
    let Some((place, file, identity)) = noted() else { return };
    std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
    hashes_all(&place, &identity, "belongs to another user");
}

/// Good stamps, of a copy of the model: not one of its files is one of theirs.
#[test]
fn the_cache_of_a_copy() {
    let Some((place, _, _)) = noted() else { return };
    let mut copy = Command::new("cp");
    assert!(copy.args(["-a", "model", "copy"]).current_dir(place.beside("")).status().unwrap().success());
    let value: Value = place.accepts(
        "sign copy --key release.key --name org/mini-lm --version 1.0.0 --force --reuse copy/model.sig --dry-run",
    );
    let reuse = &value["result"]["reuse"];
    assert_eq!(
        (&reuse["cache"], &reuse["reused"], &reuse["rehashed"]),
        (&json!("used"), &json!(0), &json!(8))
    );
    reuses_all(&place);
}
