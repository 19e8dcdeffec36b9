//! `lacre push --encrypt` and `lacre pull --decrypt-with`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lacre_testkit::registry::Registry;
use serde_json::Value;

use crate::bench::Bench;
use crate::programs;

/// The key pair of the tests of age's crate.
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33\n";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
/// Nobody here has its identity.
const OTHER: &str = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";

/// A bench with a signed model and an identity in `id`.
fn bench() -> Bench {
    let bench = Bench::with_signed_model();
    bench.write("id", IDENTITY.as_bytes());
    fs::set_permissions(bench.path("id"), fs::Permissions::from_mode(0o600)).unwrap();
    bench
}

fn push(bench: &Bench) -> Value {
    bench.good(&format!("push MODEL oci:store:v1 --key k.key --encrypt {RECIPIENT} --json")).json()
}

#[test]
fn what_is_pulled_is_what_was_pushed() {
    let bench = bench();
    let pushed = &push(&bench)["result"];
    let plain = bench.good("push MODEL oci:plain:v1 --json").json();
    assert_eq!(pushed["encrypted"]["manifest"], plain["result"]["manifest"]);
    assert_ne!(pushed["manifest"], plain["result"]["manifest"]);
    assert_eq!((&pushed["encrypted"]["recipients"], &pushed["bytes_written"]), (&1.into(), &5023.into()));

    let pulled = bench.good("pull oci:store:v1 OUT --key k.pub --decrypt-with id --json").json();
    let pulled = &pulled["result"];
    assert_eq!(pulled["manifest"], pushed["manifest"]);
    assert_eq!(pulled["encrypted"]["manifest"], pushed["encrypted"]["manifest"]);
    assert_eq!(pulled["manifest_signed_by"].as_array().unwrap().len(), 1);
    assert_eq!(pulled["moved"]["fetched"], 5023);
    for file in ["config.json", "model.safetensors", "tokenizer/vocab.txt", "model.sig"] {
        assert_eq!(bench.read(&format!("OUT/{file}")), bench.read(&format!("MODEL/{file}")), "{file}");
    }
    bench.good("verify OUT --key k.pub");
    // Nothing of it is kept beside: neither what waited to be sent, nor lists of what is inside.
    assert_eq!(fs::read_dir(bench.cache().join("lacre/spool")).map_or(0, Iterator::count), 0);
    let manifest = pushed["manifest"].as_str().unwrap();
    let said = bench.good(&format!("pull oci:store@{manifest} PINNED --key k.pub --decrypt-with id"));
    assert!(said.stdout.contains("sealed by") && said.stdout.contains(manifest), "{said:?}");
}

#[test]
fn through_a_registry_and_for_two() {
    let bench = bench();
    let registry = Registry::start();
    let reference = format!("{}/org/m:v1", registry.host());
    bench.write("team", format!("# the team\n{OTHER}\n{RECIPIENT}\n").as_bytes());
    let said = bench.good(&format!("push MODEL {reference} --key k.key --encrypt-file team"));
    assert!(said.stdout.contains("2 recipients"), "{said:?}");
    bench.good(&format!("pull {reference} OUT --key k.pub --decrypt-with id --expect-name org/mini-lm"));
    bench.bad(&format!("pull {reference} NO --key k.pub"), "E-ENCRYPTED", 12);
    bench.key("other");
    bench.bad(&format!("pull {reference} NO --key other.pub --decrypt-with id"), "E-SIGNER-UNTRUSTED", 5);
    // Encrypted anew it is another artifact, and the tag stays where it is.
    let again = format!("push MODEL {reference} --key k.key --encrypt {RECIPIENT}");
    bench.bad(&again, "E-EXISTS", 10);
    bench.good(&format!("{again} --force"));
}

#[test]
fn who_signs_is_asked_first() {
    let bench = bench();
    let said = bench.bad(&format!("push MODEL oci:store:v1 --encrypt {RECIPIENT}"), "E-USAGE", 2);
    assert!(said.stderr.contains("--encrypt wants --key or --keyless"), "{said:?}");
    let line = format!("push MODEL oci:store:v1 --key k.key --encrypt {RECIPIENT} --mount-from org/base");
    bench.bad(&line, "E-USAGE", 2);
    for flag in ["--cache kept", "--reuse MODEL"] {
        bench.bad(&format!("pull oci:store:v1 OUT --key k.pub --decrypt-with id {flag}"), "E-USAGE", 2);
    }
    assert_eq!(bench.names(""), ["MODEL", "id", "k.key", "k.pub"]);
    let dry =
        bench.good(&format!("push MODEL oci:store:v1 --key k.key --encrypt {RECIPIENT} --dry-run --json"));
    assert_eq!(dry.json()["result"]["manifest"], Value::Null);
    assert_eq!(bench.names(""), ["MODEL", "id", "k.key", "k.pub"]);
}

#[test]
fn keys_of_other_kinds_are_refused_and_no_secret_is_shown() {
    let bench = bench();
    for word in ["age1", "ssh-ed25519", IDENTITY.trim()] {
        let said =
            bench.bad(&format!("push MODEL oci:store:v1 --key k.key --encrypt {word}"), "E-AGE-KEY", 13);
        assert!(!said.stderr.contains("GQ9778"), "{said:?}");
    }
    bench.write("team", format!("{RECIPIENT}\nsomebody\n").as_bytes());
    let said = bench.bad("push MODEL oci:store:v1 --key k.key --encrypt-file team", "E-AGE-KEY", 13);
    assert!(said.stderr.contains("line 2"), "{said:?}");
    push(&bench);
    bench.write("empty", b"# nothing\n");
    bench.bad("pull oci:store:v1 OUT --key k.pub --decrypt-with empty", "E-AGE-KEY", 13);
    bench.bad("pull oci:store:v1 OUT --key k.pub --decrypt-with team", "E-AGE-KEY", 13);
    bench.bad("pull oci:store:v1 OUT --key k.pub --decrypt-with none", "E-NOT-FOUND", 10);
    bench.write("long", &vec![b'#'; 70_000]);
    bench.bad("pull oci:store:v1 OUT --key k.pub --decrypt-with long", "E-LIMIT", 13);
}

#[test]
fn an_identity_that_others_can_read_is_used_and_warned_of() {
    let bench = bench();
    push(&bench);
    fs::set_permissions(bench.path("id"), fs::Permissions::from_mode(0o644)).unwrap();
    let said = bench.good("pull oci:store:v1 OUT --key k.pub --decrypt-with id");
    assert!(said.stderr.contains("id is open to others (mode 0644): chmod 600 it"), "{said:?}");
}

#[test]
fn nobody_else_opens_it_and_nobody_elses_is_opened() {
    let bench = bench();
    bench.good(&format!("push MODEL oci:store:v1 --key k.key --encrypt {OTHER}"));
    bench.bad("pull oci:store:v1 OUT --key k.pub --decrypt-with id", "E-NOT-RECIPIENT", 12);
    push_elsewhere(&bench);
    bench.bad("pull oci:other:v1 OUT --key k.pub --decrypt-with id", "E-NO-MANIFEST-SIGNATURE", 4);
    bench.bad("sign oci:other:v1 --key k.key --name org/mini-lm", "E-ENCRYPTED", 12);
    bench.bad("sign oci:other:v1 --key k.key --signature elsewhere", "E-USAGE", 2);
    // Signed afterwards, as a whole, it counts.
    bench.good("sign oci:other:v1 --key k.key --dry-run");
    bench.bad("pull oci:other:v1 OUT --key k.pub --decrypt-with id", "E-NO-MANIFEST-SIGNATURE", 4);
    let signed = bench.good("sign oci:other:v1 --key k.key --json").json();
    assert_eq!(signed["result"]["manifest_signature"]["existed"], false);
    let again = bench.good("sign oci:other:v1 --key k.key --json").json();
    assert_eq!(again["result"]["manifest_signature"]["existed"], true);
    bench.good("pull oci:other:v1 OUT --key k.pub --decrypt-with id");
    bench.good("push MODEL oci:plain:v1");
    bench.bad("pull oci:plain:v1 NO --key k.pub --decrypt-with id", "E-ARTIFACT", 13);
}

/// Pushes to `oci:other:v1`, and takes what is attached to it out of the index.
fn push_elsewhere(bench: &Bench) {
    bench.good(&format!("push MODEL oci:other:v1 --key k.key --encrypt {RECIPIENT}"));
    let mut index: Value = serde_json::from_slice(&bench.read("other/index.json")).unwrap();
    let manifests = index["manifests"].as_array_mut().unwrap();
    assert_eq!(manifests.len(), 2);
    manifests.retain(|manifest| manifest["artifactType"] == "application/vnd.lacre.encrypted.v1");
    bench.write("other/index.json", index.to_string().as_bytes());
}

#[test]
fn verbs_that_cannot_look_inside_say_so() {
    let bench = bench();
    push(&bench);
    for line in ["inspect oci:store:v1", "diff oci:store:v1 MODEL"] {
        bench.bad(line, "E-ENCRYPTED", 12);
    }
}

#[test]
fn changed_bytes_are_told_as_such() {
    let bench = bench();
    push(&bench);
    let blobs = bench.names("store/blobs/sha256");
    let longest =
        blobs.iter().max_by_key(|name| bench.read(&format!("store/blobs/sha256/{name}")).len()).unwrap();
    let mut bytes = bench.read(&format!("store/blobs/sha256/{longest}"));
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    bench.write(format!("store/blobs/sha256/{longest}"), &bytes);
    bench.bad("pull oci:store:v1 OUT --key k.pub --decrypt-with id", "E-CIPHERTEXT", 1);
    assert!(!bench.path("OUT").exists());
}

/// What anybody can do who has the identity, and no Lacre.
#[test]
fn age_opens_each_layer() {
    let bench = bench();
    let pushed = push(&bench);
    if !programs::found("age") {
        return;
    }
    let manifest = pushed["result"]["manifest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let manifest: Value =
        serde_json::from_slice(&bench.read(&format!("store/blobs/sha256/{manifest}"))).unwrap();
    let mut opened = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let blob = layer["digest"].as_str().unwrap().replace("sha256:", "store/blobs/sha256/");
        programs::run(&bench, "age", &["-d", "-i", "id", "-o", "opened", &blob], "");
        opened.push(bench.read("opened"));
    }
    let index: Value = serde_json::from_slice(&opened[0]).unwrap();
    assert_eq!(index["blobs"].as_array().unwrap().len(), opened.len() - 1);
    for file in ["config.json", "model.safetensors", "tokenizer/vocab.txt", "model.sig"] {
        assert!(opened.contains(&bench.read(&format!("MODEL/{file}"))), "{file}");
    }
}

/// The envelope is signed as cosign signs.
#[test]
fn cosign_verifies_the_envelope() {
    let Some(cosign) = programs::cosign() else { return };
    let bench = bench();
    let registry = Registry::start();
    let reference = format!("{}/org/m:v1", registry.host());
    bench.good(&format!("push MODEL {reference} --key k.key --encrypt {RECIPIENT}"));
    let words = ["verify", "--key", "k.pub", "--insecure-ignore-tlog", "--allow-http-registry", &reference];
    programs::run(&bench, cosign, &words, "");
}

#[test]
fn a_container_image_and_a_part_of_it() {
    let bench = bench();
    let line = format!("push MODEL oci:store:v1 --key k.key --format image --encrypt {RECIPIENT} --json");
    let pushed = bench.good(&line).json();
    let plain = bench.good("push MODEL oci:plain:v1 --format image --json").json();
    assert_eq!(pushed["result"]["encrypted"]["manifest"], plain["result"]["manifest"]);
    bench.good("pull oci:store:v1 OUT --key k.pub --decrypt-with id");
    bench.good("verify OUT --key k.pub");
    let part = bench.good("pull oci:store:v1 PART --key k.pub --decrypt-with id --files config.json --json");
    assert_eq!(part.json()["result"]["part"]["files"], 1);
    assert_eq!(bench.names("PART"), ["config.json", "model.sig"]);
    assert_eq!(bench.read("PART/config.json"), bench.read("MODEL/config.json"));
    bench.bad("verify PART --key k.pub", "E-FILE-MISSING", 1);
}
