//! The folder of keys: what init makes, what it finds, and how keys are opened.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use lacre_testkit::places;

use crate::bench::{Bench, Said};
use crate::desk::{CH, begun, init, published};

const INIT: &str = "channel init oci:store:stable --model org/m --channel stable --keys keys";

#[test]
fn new_keys_are_encrypted_by_one_passphrase() {
    let bench = Bench::new();
    let said = bench.bad(INIT, "E-PASSPHRASE", 12);
    assert!(said.stderr.contains("--passphrase-file"), "{said:?}");
    bench.write("pass", b"correct horse\n");
    bench.write("wrong", b"wrong horse\n");
    bench.good(&format!("{INIT} --passphrase-file pass"));
    for key in ["root-1", "targets-1", "channel-1", "snapshot-1", "timestamp-1"] {
        let text = String::from_utf8(bench.read(&format!("keys/{key}.key"))).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{key}");
        let mode = fs::metadata(bench.path(&format!("keys/{key}.key"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    assert_eq!(fs::metadata(bench.path("keys")).unwrap().permissions().mode() & 0o777, 0o700);
    bench.bad(&format!("channel refresh {CH} --keys keys"), "E-PASSPHRASE", 12);
    bench.bad(&format!("channel refresh {CH} --keys keys --passphrase-file wrong"), "E-PASSPHRASE", 12);
    published(&bench, &format!("refresh {CH} --keys keys --passphrase-file pass"));
    // From stdin, once for two keys.
    let mut command = bench.command();
    command.args(["channel", "refresh", CH, "--document", "--keys", "keys", "--passphrase-file", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"correct horse\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut command = bench.command();
    command.args(["channel", "refresh", CH, "--keys", "keys"]).env("LACRE_PASSPHRASE", "correct horse");
    assert_eq!(Said::of(&mut command).exit, Some(0));
}

#[test]
fn init_takes_the_keys_that_are_there_and_makes_the_others() {
    let bench = Bench::new();
    fs::create_dir(bench.path("keys")).unwrap();
    bench.good("key new keys/root-1 --algorithm ecdsa-p384 --no-passphrase");
    let (key, public) = (bench.read("keys/root-1.key"), bench.read("keys/root-1.pub"));
    let result = init(&bench, CH, "root=2/2");
    assert_eq!(
        result["new_keys"],
        serde_json::json!(["root-2", "targets-1", "channel-1", "snapshot-1", "timestamp-1"])
    );
    assert_eq!((bench.read("keys/root-1.key"), bench.read("keys/root-1.pub")), (key, public));
    published(&bench, &format!("rotate {CH} --role root --renew --keys keys"));
}

#[test]
fn keys_of_any_signer_have_roles() {
    let bench = Bench::new();
    fs::create_dir(bench.path("keys")).unwrap();
    for role in ["channel", "timestamp"] {
        bench.good(&format!("key new {role} --no-passphrase"));
        let example = places::checkout().join("examples/openssl-signer.sh");
        let example = example.to_str().unwrap().replace(' ', "%20");
        bench.write(
            format!("keys/{role}-1.uri"),
            format!("exec:{example} {role}.key {role}.pub\n").as_bytes(),
        );
        bench.write(format!("keys/{role}-1.pub"), &bench.read(&format!("{role}.pub")));
    }
    let result = init(&bench, CH, "");
    assert_eq!(result["new_keys"], serde_json::json!(["root-1", "targets-1", "snapshot-1"]));
    published(&bench, &format!("refresh {CH} --document --keys keys"));
    // A signer that signs with another key than it should.
    bench.good("key new other --no-passphrase");
    bench.write("keys/timestamp-1.uri", b"other.key");
    let said = bench.bad(&format!("channel refresh {CH} --keys keys"), "E-USAGE", 2);
    assert!(said.stderr.contains("timestamp-1"), "{said:?}");
    bench.write("keys/timestamp-1.uri", b"exec:./no-such-signer");
    bench.bad(&format!("channel refresh {CH} --keys keys"), "E-NOT-FOUND", 10);
}

#[test]
fn more_keys_than_wanted_are_not_chosen_from() {
    let bench = Bench::new();
    fs::create_dir(bench.path("keys")).unwrap();
    for number in [1, 2] {
        bench.good(&format!("key new keys/root-{number} --algorithm ed25519 --no-passphrase"));
    }
    let said = bench.bad(&format!("{INIT} --no-passphrase"), "E-USAGE", 2);
    assert!(said.stderr.contains("2 keys of root"), "{said:?}");
    assert_eq!(bench.names("keys").len(), 4);
}

#[test]
fn one_key_under_two_names_and_keys_that_can_have_no_role() {
    let bench = Bench::new();
    fs::create_dir(bench.path("keys")).unwrap();
    bench.good("key new keys/root-1 --algorithm ed25519 --no-passphrase");
    for suffix in ["key", "pub"] {
        fs::copy(bench.path(&format!("keys/root-1.{suffix}")), bench.path(&format!("keys/root-2.{suffix}")))
            .unwrap();
    }
    bench.bad(&format!("{INIT} --no-passphrase --threshold root=2/2"), "E-ROLE-THRESHOLD", 2);
    for suffix in ["key", "pub"] {
        fs::remove_file(bench.path(&format!("keys/root-1.{suffix}"))).unwrap();
        fs::remove_file(bench.path(&format!("keys/root-2.{suffix}"))).unwrap();
    }
    bench.good("key new keys/root-1 --algorithm ecdsa-p521 --no-passphrase");
    bench.bad(&format!("{INIT} --no-passphrase"), "E-ROLE-ALGORITHM", 2);
}

#[test]
fn a_private_key_without_its_public_one_is_not_guessed() {
    let bench = begun(&[], "");
    fs::remove_file(bench.path("keys/timestamp-1.pub")).unwrap();
    let said = bench.bad(&format!("channel refresh {CH} --keys keys"), "E-USAGE", 2);
    assert!(said.stderr.contains("timestamp-1.pub"), "{said:?}");
    bench.write("keys/timestamp-1.pub", b"no key");
    bench.bad(&format!("channel refresh {CH} --keys keys"), "E-KEY", 13);
}

#[test]
fn without_the_anchor_nothing_is_signed() {
    let bench = begun(&["1.0.0"], "");
    fs::rename(bench.path("keys/root.json"), bench.path("root.json")).unwrap();
    let said = bench.bad(&format!("channel refresh {CH} --keys keys"), "E-USAGE", 2);
    assert!(said.stderr.contains("keys/root.json does not exist"), "{said:?}");
    fs::rename(bench.path("root.json"), bench.path("keys/root.json")).unwrap();
    // What was published last is learned anew, from the anchor on.
    fs::remove_file(bench.path("keys/last.json")).unwrap();
    published(&bench, &format!("publish {CH} 1.0.0 --artifact oci:store:v1.0.0 --keys keys"));
    assert!(String::from_utf8(bench.read("keys/last.json")).unwrap().contains("\"sequence\":2"));
    bench.write("keys/last.json", b"{\"channel\":\"org/m@stable\"");
    bench.bad(&format!("channel refresh {CH} --keys keys"), "E-UNREADABLE", 10);
}
