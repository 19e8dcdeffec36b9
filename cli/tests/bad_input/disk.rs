//! Disks that refuse: files that must not be read, folders that must not be written, no space left.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use lacre_testkit::{ModelDir, noise};

use crate::place::{Place, Said};

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// `lacre` as somebody whom permissions bind: nobody (65534) if the caller is root, else the caller.
struct Commoner {
    place: Place,
}

impl Commoner {
    fn new(place: Place) -> Self {
        if is_root() {
            let mode = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            mode(&place.beside(""));
            // The build folder need not be anybody's to read.
            fs::copy(env!("CARGO_BIN_EXE_lacre"), place.beside("lacre")).unwrap();
            mode(&place.beside("lacre"));
        }
        Self { place }
    }

    fn run(&self, line: &str) -> Said {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "./lacre"]);
            command
        } else {
            Command::new(env!("CARGO_BIN_EXE_lacre"))
        };
        self.place.prepare(&mut command);
        Said::of(command.args(line.split_whitespace()))
    }

    fn refuses(&self, line: &str, code: &str) -> String {
        self.run(&format!("{line} --json")).refuses_in_json(10, code);
        let said = self.run(line);
        said.refuses_in_words(10, code);
        said.stderr
    }
}

fn forbid(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn an_unreadable_file() {
    let commoner = Commoner::new(Place::pushed());
    let good = commoner.run("verify model --key release.pub");
    assert_eq!(good.exit, Some(0), "{good:?}");
    let file = commoner.place.entry("tokenizer/vocab.txt");
    forbid(&file, 0o000);
    // The key is readable for its owner only: a copy for whoever runs this.
    fs::copy(commoner.place.beside("release.key"), commoner.place.beside("copy.key")).unwrap();
    forbid(&commoner.place.beside("copy.key"), 0o644);
    for line in [
        "verify model --key release.pub",
        "sign model --key copy.key --name m --signature x.sig",
        "diff model oci:store:v1",
    ] {
        let said = commoner.refuses(line, "E-UNREADABLE");
        assert!(said.contains("tokenizer/vocab.txt") && said.contains("ermission denied"), "{line}: {said}");
    }
    forbid(&file, 0o644);
}

#[test]
fn one_unreadable_file_among_ten_thousand() {
    let commoner = Commoner::new(Place::signed(ModelDir::many(10_000, 16)));
    assert_eq!(commoner.run("verify model --key release.pub").exit, Some(0));
    let names = commoner.place.model().names();
    let forbidden = &names[7777];
    forbid(&commoner.place.entry(forbidden), 0o000);
    fs::copy(commoner.place.beside("release.key"), commoner.place.beside("copy.key")).unwrap();
    forbid(&commoner.place.beside("copy.key"), 0o644);
    for line in ["verify model --key release.pub", "sign model --key copy.key --name m --signature other.sig"]
    {
        let said = commoner.refuses(line, "E-UNREADABLE");
        assert!(said.contains(forbidden.as_str()), "{said}");
    }
    // The others were read, and nothing says that they are proven.
    let said = commoner.run("verify model --key release.pub --json");
    assert!(
        said.stdout.contains("\"result\":null") && said.stdout.contains("\"proven_by\":null"),
        "{said:?}"
    );
    assert!(!commoner.place.beside("other.sig").exists());
}

#[test]
fn a_sparse_file_is_its_zeros() {
    let place = Place::sample();
    let file = fs::File::options().write(true).open(place.entry("blob.bin")).unwrap();
    file.set_len(64 << 20).unwrap();
    place.accepts("sign model --key release.key --name m --force");
    place.accepts("verify model --key release.pub --digest both");
    // The same bytes, with no hole.
    let bytes = fs::read(place.entry("blob.bin")).unwrap();
    assert_eq!(bytes.len(), 64 << 20);
    fs::remove_file(place.entry("blob.bin")).unwrap();
    fs::write(place.entry("blob.bin"), bytes).unwrap();
    place.accepts("verify model --key release.pub --digest both");
    lacre_testkit::tamper::flip(&place.entry("blob.bin"), (64 << 20) - 1);
    place.refuses("verify model --key release.pub", 1, "E-FILE-CHANGED");
}

#[test]
fn an_unreadable_folder() {
    let commoner = Commoner::new(Place::sample());
    let folder = commoner.place.entry("tokenizer");
    forbid(&folder, 0o000);
    let said = commoner.refuses("verify model --key release.pub", "E-UNREADABLE");
    assert!(said.contains("tokenizer"), "{said}");
    forbid(&folder, 0o755);
}

#[test]
fn an_unreadable_signature_key_or_store() {
    let commoner = Commoner::new(Place::pushed());
    let place = &commoner.place;
    forbid(&place.sealed.signature_path(), 0o000);
    commoner.refuses("verify model --key release.pub", "E-UNREADABLE");
    forbid(&place.sealed.signature_path(), 0o644);
    forbid(&place.beside("release.pub"), 0o000);
    commoner.refuses("verify model --key release.pub", "E-UNREADABLE");
    forbid(&place.beside("release.pub"), 0o644);
    forbid(&place.beside("release.key"), 0o000);
    commoner.refuses("sign model --key release.key --name m --signature x.sig", "E-UNREADABLE");
    forbid(&place.beside("store/index.json"), 0o000);
    commoner.refuses("pull oci:store:v1 out --key release.pub", "E-UNREADABLE");
    assert!(!place.beside("out").exists());
}

#[test]
fn a_folder_that_must_not_be_written_to() {
    let commoner = Commoner::new(Place::pushed());
    let place = &commoner.place;
    fs::copy(place.beside("release.key"), place.beside("copy.key")).unwrap();
    forbid(&place.beside("copy.key"), 0o644);
    fs::create_dir(place.beside("ro")).unwrap();
    forbid(&place.beside("ro"), 0o555);
    commoner.refuses("pull oci:store:v1 ro/out --key release.pub", "E-OUTPUT");
    commoner.refuses("sign model --key copy.key --name m --signature ro/m.sig", "E-OUTPUT");
    commoner.refuses("key new ro/k --no-passphrase", "E-OUTPUT");
    commoner.refuses("push model oci:ro/store:v1", "E-OUTPUT");
    assert_eq!(fs::read_dir(place.beside("ro")).unwrap().count(), 0);
}

/// Runs `line` in a mount namespace of its own, where `small` is a file system of 2 MiB; gives what was said and what
/// lies in `small` afterwards. The mount goes with the process. Nothing where that is not permitted.
fn on_a_small_disk(place: &Place, line: &str) -> Option<(Said, String)> {
    let may_mount = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    if !may_mount.is_ok_and(|status| status.success()) {
        eprintln!(
            "SKIPPED: no mount namespace can be made here (unshare -m): nothing was tried on a full disk"
        );
        return None;
    }
    fs::create_dir_all(place.beside("small")).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=2m,mode=755 tmpfs small || exit 99; '{}' {line}; code=$?; \
         find small -mindepth 1 >left; exit $code",
        env!("CARGO_BIN_EXE_lacre")
    );
    let mut command = Command::new("unshare");
    place.prepare(&mut command);
    let said = Said::of(command.args(["-m", "sh", "-c", &script]));
    if said.exit == Some(99) {
        eprintln!("SKIPPED: no tmpfs can be mounted here: nothing was tried on a full disk");
        return None;
    }
    Some((said, fs::read_to_string(place.beside("left")).unwrap()))
}

#[test]
fn a_disk_that_fills_up_while_pulling() {
    // The first case needs more than there is with the last file, the second with each.
    let some = ModelDir::new()
        .file("a", noise(1, 1 << 20))
        .file("b", noise(2, 600 << 10))
        .file("sub/c", noise(3, 900 << 10));
    let all = ModelDir::new().file("a", noise(4, 5 << 20)).file("b", noise(5, 3 << 20));
    for model in [some, all] {
        let place = Place::signed(model);
        place.accepts("push model oci:store:v1");
        let pull = "pull oci:store:v1 small/out --key release.pub";
        let Some((said, left)) = on_a_small_disk(&place, &format!("{pull} --json")) else { return };
        said.refuses_in_json(10, "E-OUTPUT");
        assert_eq!(left, "", "something is left");
        let (said, left) = on_a_small_disk(&place, pull).unwrap();
        said.refuses_in_words(10, "E-OUTPUT");
        assert!(said.stderr.contains("No space left"), "{said:?}");
        let hint =
            "hint: the disk is full, and what was begun there is removed: free some space, then run it again";
        assert!(said.stderr.lines().any(|line| line == hint), "{said:?}");
        assert_eq!(left, "");
    }
}

#[test]
fn a_model_that_fits_on_the_small_disk_is_pulled() {
    let place = Place::pushed();
    let Some((said, left)) = on_a_small_disk(&place, "pull oci:store:v1 small/out --key release.pub") else {
        return;
    };
    assert_eq!(said.exit, Some(0), "{said:?}");
    assert!(left.contains("small/out/model.sig\n") && !left.contains("lacre"), "{left}");
}

#[test]
fn a_disk_that_fills_up_while_pushing_signing_and_making_keys() {
    let place = Place::signed(ModelDir::new().file("a", noise(1, 3 << 20)));
    let Some((said, left)) = on_a_small_disk(&place, "push model oci:small/store:v1 --json") else { return };
    said.refuses_in_json(10, "E-OUTPUT");
    assert!(!left.contains(".lacre-"), "an unfinished blob is left: {left}");
    // Twenty thousand names of two hundred bytes: a signature that does not fit.
    let many = ModelDir::new();
    for number in 0..8000 {
        many.put(&format!("{}{number}", "n".repeat(150)), "");
    }
    fs::rename(many.path(), place.beside("many")).unwrap();
    let sign = "sign many --key release.key --name m --signature small/m.sig --json";
    let (said, left) = on_a_small_disk(&place, sign).unwrap();
    said.refuses_in_json(10, "E-OUTPUT");
    assert_eq!(left, "");
}

#[test]
fn a_standard_output_that_is_full() {
    let place = Place::sample();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    for line in ["verify model --key release.pub", "verify model --key release.pub --json", "inspect model"] {
        let mut command = place.command();
        let child = command.args(line.split_whitespace()).stdout(full()).stderr(Stdio::piped()).spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(10), "{stderr}");
        assert!(stderr.starts_with("error[E-OUTPUT]: "), "{stderr}");
    }
}
