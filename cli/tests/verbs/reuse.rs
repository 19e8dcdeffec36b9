//! `lacre sign --reuse`.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bench::{Bench, Said};

const SIGN: &str = "sign MODEL --key k.key --name org/mini-lm --version 1.0.0";

/// Says whether this machine has a name, without which nothing is ever reused.
fn has_machine_id() -> bool {
    let has = lacre_manifest::MachineId::here().is_some();
    if !has {
        eprintln!("SKIPPED: this machine has no /etc/machine-id: nothing was reused");
    }
    has
}

/// Writes other bytes of the same length, and restores the time of modification.
fn poison(bench: &Bench, name: &str) {
    let modified = fs::metadata(bench.path(name)).unwrap().modified().unwrap();
    let other: Vec<u8> = bench.read(name).iter().map(|byte| byte ^ 1).collect();
    fs::write(bench.path(name), other).unwrap();
    let file = File::options().write(true).open(bench.path(name)).unwrap();
    file.set_times(FileTimes::new().set_modified(modified)).unwrap();
}

fn stamps(bench: &Bench) -> Vec<String> {
    let folder = bench.cache().join("lacre/stamps");
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// Signs again; what is said of reuse must be this, and the result must be what a full signing makes. Gives the result.
fn signs_again(bench: &Bench, reused: (u64, u64), hashed: (u64, u64)) -> Value {
    let value = bench.good(&format!("{SIGN} --force --reuse MODEL/model.sig --json")).json();
    let expected = json!({
        "cache": "used",
        "rehashed": hashed.0, "rehashed_bytes": hashed.1, "reused": reused.0, "reused_bytes": reused.1,
    });
    assert_eq!(value["result"]["reuse"], expected);
    assert_eq!(value["result"]["warnings"], json!([]));
    bench.good("verify MODEL --key k.pub --digest both");
    let full = bench.good(&format!("{SIGN} --force --signature MODEL/model.sig --dry-run --json")).json();
    assert_eq!(value["result"]["identity"], full["result"]["identity"]);
    assert_eq!(full["result"]["reuse"], Value::Null);
    value["result"].clone()
}

#[test]
fn untouched_files_are_reused_and_the_bundle_is_the_same_to_the_byte() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_model_and_key();
    bench.good("key new e --no-passphrase --algorithm ed25519");
    let sign = "sign MODEL --key e.key --name m --version 1";
    bench.good(sign);
    let full = bench.read("MODEL/model.sig");
    let said = bench.good(&format!("{sign} --force --reuse MODEL/model.sig"));
    assert!(said.stdout.contains("  reused     3 files, 5.02 kB; hashed 0 files, 0 B\n"), "{said:?}");
    assert_eq!(said.stderr, "");
    assert_eq!(bench.read("MODEL/model.sig"), full);
}

#[test]
fn what_was_added_edited_or_renamed_is_hashed() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_signed_model();
    signs_again(&bench, (3, 5023), (0, 0));
    bench.write("MODEL/added", b"new");
    signs_again(&bench, (3, 5023), (1, 3));
    // The next signing knows that one, too.
    signs_again(&bench, (4, 5026), (0, 0));
    bench.write("MODEL/config.json", b"{}");
    signs_again(&bench, (3, 5011), (1, 2));
    fs::rename(bench.path("MODEL/added"), bench.path("MODEL/zz")).unwrap();
    signs_again(&bench, (3, 5010), (1, 3));
    fs::remove_file(bench.path("MODEL/zz")).unwrap();
    signs_again(&bench, (3, 5010), (0, 0));
    // The same bytes in another file.
    fs::copy(bench.path("MODEL/model.safetensors"), bench.path("copy")).unwrap();
    fs::rename(bench.path("copy"), bench.path("MODEL/model.safetensors")).unwrap();
    signs_again(&bench, (2, 10), (1, 5000));
}

/// What the cache says "unchanged" of by size and mtime, `verify` refuses and `sign` hashes: neither goes by them.
#[test]
fn a_file_changed_under_its_old_size_and_time_is_seen() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_signed_model();
    poison(&bench, "MODEL/model.safetensors");
    bench.bad("verify MODEL --key k.pub", "E-FILE-CHANGED", 1);
    signs_again(&bench, (2, 23), (1, 5000));
}

/// A cache that lies has files pass for untouched; what is signed then is what the key signed before, which the files
/// are not: `verify` says so.
#[test]
fn verification_goes_by_no_cache() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_signed_model();
    let signed = Value::from(stamps(&bench).remove(0));
    poison(&bench, "MODEL/model.safetensors");
    // The signing of other bytes notes stamps under another identity: they are put under the first one's.
    let identity = |hex: &Value| lacre_manifest::ModelIdentity::from_hex(hex.as_str().unwrap()).unwrap();
    let other = bench.good(&format!("{SIGN} --signature other.sig --ignore model.sig --json")).json();
    let machine = lacre_manifest::MachineId::here().unwrap();
    let file = |hex: &Value| bench.cache().join("lacre/stamps").join(hex.as_str().unwrap());
    let (from, to) = (&other["result"]["identity"], &signed);
    let lie =
        lacre_manifest::Stamps::parse(&fs::read(file(from)).unwrap(), &identity(from), &machine).unwrap();
    fs::write(file(to), lie.to_bytes(&identity(to), &machine)).unwrap();
    bench.bad("verify MODEL --key k.pub", "E-FILE-CHANGED", 1);
    let said = bench.good(&format!("{SIGN} --force --reuse MODEL/model.sig --json")).json();
    assert_eq!(said["result"]["reuse"]["reused"], 3, "this cache does lie");
    assert_eq!(said["result"]["identity"], signed);
    bench.bad("verify MODEL --key k.pub", "E-FILE-CHANGED", 1);
    let said = bench.good(&format!("{SIGN} --force --reuse MODEL/model.sig --rehash --json")).json();
    assert_eq!(said["result"]["identity"], *from);
    bench.good("verify MODEL --key k.pub");
}

#[test]
fn rehash_looks_at_every_byte() {
    let bench = Bench::with_signed_model();
    let value = bench.good(&format!("{SIGN} --force --reuse MODEL/model.sig --rehash --json")).json();
    let expected =
        json!({"cache": "ignored", "rehashed": 3, "rehashed_bytes": 5023, "reused": 0, "reused_bytes": 0});
    assert_eq!(value["result"]["reuse"], expected);
    assert_eq!(value["result"]["warnings"], json!([]));
    bench.bad(&format!("{SIGN} --force --rehash"), "E-USAGE", 2);
}

#[test]
fn without_notes_everything_is_hashed() {
    let bench = Bench::with_signed_model();
    fs::remove_dir_all(bench.cache().join("lacre")).ok();
    let said = bench.good(&format!("{SIGN} --force --reuse MODEL/model.sig"));
    if has_machine_id() {
        let row =
            "  reused     0 files, 0 B; hashed 3 files, 5.02 kB (nothing is noted here of that signing)\n";
        assert!(said.stdout.contains(row), "{said:?}");
        assert_eq!(said.stderr, "");
    }
    // No home at all.
    let mut command = bench.command();
    command.env_remove("XDG_CACHE_HOME").env_remove("HOME");
    let said = Said::of(command.args(format!("{SIGN} --force --reuse MODEL/model.sig --json").split(' ')));
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert_eq!(said.json()["result"]["reuse"]["cache"], "absent");
    assert_eq!(said.json()["result"]["warnings"], json!([]));
}

#[test]
fn notes_are_at_home_when_nothing_else_is_said_and_a_dry_run_makes_none() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_model_and_key();
    bench.good(&format!("{SIGN} --dry-run"));
    assert_eq!(stamps(&bench), [""; 0]);
    let value = bench.good(&format!("{SIGN} --json")).json();
    assert_eq!(stamps(&bench), [value["result"]["identity"].as_str().unwrap()]);
    fs::remove_dir_all(bench.cache().join("lacre")).unwrap();
    // Also of a signature that went to stdout: the notes are about the files.
    bench.good(&format!("{SIGN} --signature - --ignore model.sig"));
    assert_eq!(stamps(&bench).len(), 1);
    let mut command = bench.command();
    command.env_remove("XDG_CACHE_HOME").env("HOME", bench.path("home"));
    fs::create_dir(bench.path("home")).unwrap();
    let said = Said::of(command.args(format!("{SIGN} --force").split(' ')));
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert_eq!(bench.names("home/.cache/lacre"), ["stamps"]);
    assert_eq!(bench.names("home/.cache/lacre/stamps").len(), 1);
}

/// Notes that cannot be written are no reason not to sign, and none to speak unasked.
#[test]
fn a_cache_that_cannot_be_written_is_told_to_the_curious() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_model_and_key();
    fs::write(bench.cache().join("lacre"), "a file in the way").unwrap();
    let said = bench.good(SIGN);
    assert_eq!(said.stderr, "");
    let said = bench.good(&format!("{SIGN} --force -v"));
    said.says("warning: --reuse of this signature will hash every file: the file of stamps: ");
    bench.good("verify MODEL --key k.pub");
}

#[test]
fn the_old_signature_can_come_from_stdin_and_be_of_one_file() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_model_and_key();
    bench.write("m.gguf", b"GGUF and more");
    bench.good("sign m.gguf --key k.key --name m");
    let stdin = File::open(bench.path("m.gguf.sig")).unwrap();
    let words = "sign m.gguf --key k.key --name m --force --reuse - --json";
    let said = Said::of(bench.command().args(words.split(' ')).stdin(stdin));
    assert_eq!(said.json()["result"]["reuse"]["reused"], 1, "{said:?}");
    bench.good("verify m.gguf --key k.pub");
    let said = bench.bad("sign m.gguf --key k.key --force --reuse - --passphrase-file -", "E-USAGE", 2);
    assert!(said.stderr.contains("stdin"), "{said:?}");
}

#[test]
fn an_old_signature_in_the_way_is_replaced_only_with_force() {
    let bench = Bench::with_signed_model();
    let old = bench.read("MODEL/model.sig");
    bench.bad(&format!("{SIGN} --reuse MODEL/model.sig"), "E-EXISTS", 10);
    assert_eq!(bench.read("MODEL/model.sig"), old);
}

#[test]
fn notes_that_others_may_read_are_good_notes() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_signed_model();
    let file = bench.cache().join("lacre/stamps").join(&stamps(&bench)[0]);
    fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
    signs_again(&bench, (3, 5023), (0, 0));
}

/// Inodes of 128 bytes have room for seconds only.
#[test]
fn a_file_system_without_fine_timestamps_is_never_gone_by() {
    if !has_machine_id() {
        return;
    }
    let bench = Bench::with_model_and_key();
    fs::create_dir(bench.path("mnt")).unwrap();
    // The mount goes with the process.
    let script = format!(
        "mkfs.ext4 -q -F -I 128 disk 8M 2>mkfs.log && mount -o loop disk mnt || exit 99; cp -r MODEL mnt/model; \
         sign=\"'{}' sign mnt/model --key k.key --name m\"; \
         eval \"$sign\" >first && eval \"$sign --force --json --reuse mnt/model/model.sig\"",
        env!("CARGO_BIN_EXE_lacre")
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script]).current_dir(bench.path("")).stdin(Stdio::null());
    let output = command.env("XDG_CACHE_HOME", bench.cache()).output();
    let Some(output) = output.ok().filter(|output| !matches!(output.status.code(), Some(1 | 99))) else {
        eprintln!("SKIPPED: ext4 with small inodes cannot be mounted here: coarse timestamps were not tried");
        return;
    };
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let value: Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    let result = &value["result"];
    assert_eq!(result["reuse"]["cache"], "used", "{value}");
    assert_eq!((&result["reuse"]["reused"], &result["reuse"]["rehashed"]), (&0.into(), &3.into()));
    let warning = "3 files are on a file system without fine timestamps: hashed again";
    assert_eq!(result["warnings"], json!([warning]));
}
