//! What `lacre inspect` prints to be pasted: the command through a real shell, the trust file through `--trust`.

use std::fs;
use std::path::Path;
use std::process::Command;

use lacre_testkit::places::vectors;
use serde_json::Value;

use crate::bench::{Bench, Said};

/// Runs what was printed, as somebody does who pastes it.
fn paste(bench: &Bench, command: &str) -> Said {
    let program = Path::new(env!("CARGO_BIN_EXE_lacre")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).current_dir(bench.path("")).env("PATH", path);
    Said::of(shell.env("XDG_CACHE_HOME", bench.cache()))
}

/// Both ways of checking what `inspect` says of `model`, as printed for people and for machines, and that both lead to
/// the same; gives the JSON.
#[track_caller]
fn both_ways(bench: &Bench, model: &str, more: &str) -> Value {
    let value = Said::of(bench.command().args(["inspect", "--json", "--"]).arg(model)).json();
    let result = &value["result"];
    let (check, file) = (result["check"].as_str().unwrap(), result["trust_file"].as_str().unwrap());
    let said = Said::of(bench.command().args(["inspect", "--"]).arg(model));
    let shown = said.stdout.lines().find(|line| line.starts_with("to check it")).unwrap();
    assert_eq!(shown, format!("to check it (claimed; confirm out of band): {check}"));
    let start = said.stdout.find("    # claimed").unwrap();
    let indented: String = file.lines().flat_map(|line| ["    ", line, "\n"]).collect();
    assert!(said.stdout[start..].starts_with(&indented), "{said:?}");
    // The file works as it was printed, spaces and all.
    bench.write("shown.toml", indented.as_bytes());

    let done = paste(bench, &format!("{check}{more}"));
    assert_eq!(done.exit, Some(0), "{check}{more}\n{done:?}");
    let words = ["verify", "--trust", "shown.toml", "--"];
    let done = Said::of(bench.command().args(words).arg(model));
    assert_eq!(done.exit, Some(0), "{file}\n{done:?}");
    assert!(!bench.path("pwned").exists(), "something of a name was run");
    result.clone()
}

/// Names that would like to be something else, and are allowed in a signature.
const NAMES: &[&str] = &[
    "org/mini-lm",
    "two words",
    "it's",
    "$(touch pwned)",
    "`touch pwned`",
    "\"; touch pwned; \"",
    "'; touch pwned; '",
    "-x",
    "--any-identity-danger",
    "\\033[2J%s",
    "\u{202e}gpj.exe\u{2066}\u{200b}",
    "日本語 🦀",
];

#[test]
fn whatever_a_model_is_called() {
    for name in NAMES {
        let bench = Bench::with_model_and_key();
        fs::copy(bench.path("k.pub"), bench.path("KEY.pub")).unwrap();
        let name_flag = format!("--name={name}");
        let said = bench.args(["sign", "MODEL", "--key", "k.key", &name_flag, "--version=$(touch pwned)'"]);
        assert_eq!(said.exit, Some(0), "{said:?}");
        let result = both_ways(&bench, "MODEL", "");
        assert_eq!(result["claims"]["model"]["name"], *name);
        // The command demands the name: it is not one that accepts anything.
        let other = result["check"]
            .as_str()
            .unwrap()
            .replace("--expect-version", "--expect-version=x --expect-version");
        assert_ne!(paste(&bench, &other).exit, Some(0));
    }
}

#[test]
fn wherever_a_model_lies() {
    for place in ["a b", "it's", "$(touch pwned)", "-x", "--help", "x\ny", "\u{202e}x", "\u{1b}[2J"] {
        let bench = Bench::with_model_and_key();
        fs::copy(bench.path("k.pub"), bench.path("KEY.pub")).unwrap();
        fs::rename(bench.path("MODEL"), bench.path(place)).unwrap();
        let said = bench.args(["sign", "--key", "k.key", "--name", "m", "--", place]);
        assert_eq!(said.exit, Some(0), "{said:?}");
        let said = bench.args(["inspect", "--", place]);
        assert!(!said.stdout.contains(['\u{1b}', '\u{202e}']), "{said:?}");
        both_ways(&bench, place, "");
    }
}

/// A model signed with a certificate that names `san` (in the syntax of OpenSSL's configuration) and `subject`.
fn certified(subject: &str, san: Option<&str>) -> Bench {
    let bench = Bench::with_model_and_key();
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl").args(words).current_dir(bench.path("")).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let ca = "[req]\ndistinguished_name=dn\nx509_extensions=ca\nprompt=no\n[dn]\nCN=Test CA\n[ca]\n\
              basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";
    bench.write("ca.cnf", ca.as_bytes());
    let names = san.map(|san| format!("subjectAltName=@names\n[names]\nURI.1={san}\n"));
    let leaf = "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n";
    bench.write("leaf.cnf", format!("{leaf}{}", names.unwrap_or_default()).as_bytes());
    let curve = "ec_paramgen_curve:P-256";
    openssl(&[
        "req", "-x509", "-newkey", "ec", "-pkeyopt", curve, "-nodes", "-keyout", "ca.key", "-out", "CA.pem",
        "-days", "30", "-config", "ca.cnf",
    ]);
    openssl(&["req", "-new", "-utf8", "-key", "k.key", "-subj", subject, "-out", "leaf.csr"]);
    openssl(&[
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        "-CA",
        "CA.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "20",
        "-extfile",
        "leaf.cnf",
        "-out",
        "leaf.pem",
    ]);
    bench.good("sign MODEL --key k.key --name org/mini-lm --certificate leaf.pem");
    bench
}

#[test]
fn whoever_a_certificate_names() {
    let long = "x".repeat(5000);
    for (subject, san, flag) in [
        ("/CN=release", Some("https://example.test/release"), "--identity https://example.test/release"),
        ("/CN=release", Some("https://example.test/o'brien\\$(touch pwned)`id`"), "--identity 'https"),
        ("/CN=release", Some("-x"), "--identity=-x"),
        // What would be taken for another kind of name, or no command line holds, is expected by its key.
        ("/CN=release", Some("subject:CN=other"), "--identity spki:"),
        ("/CN=release", Some("spki:00"), "--identity spki:"),
        ("/CN=release", Some(long.as_str()), "--identity spki:"),
        ("/CN=o'brien\", $(touch pwned)", None, "--identity 'subject:CN="),
        ("/CN=a\u{202e}b", None, "--identity \"$(printf"),
    ] {
        let bench = certified(subject, san);
        let result = both_ways(&bench, "MODEL", "");
        let check = result["check"].as_str().unwrap();
        assert!(check.contains(flag), "{check}");
        assert!(check.contains("--ca CA.pem"), "{check}");
    }
}

#[test]
fn every_signature_of_a_model_is_shown_with_its_check() {
    let bench = Bench::with_signed_model();
    bench.key("second");
    bench.good("sign MODEL --key second.key --name org/mini-lm --version 1.0.0 --append");
    bench.write("MODEL.signatures/zz.sig", b"{}");
    fs::copy(bench.path("second.pub"), bench.path("KEY.pub")).unwrap();
    let said = bench.good("inspect MODEL");
    assert_eq!(said.stdout.matches("to check it").count(), 2, "{said:?}");
    assert!(said.stdout.contains("[E-BUNDLE]"), "{said:?}");
    let value = bench.good("inspect MODEL --json").json();
    let others = value["result"]["others"].as_array().unwrap();
    assert_eq!(others[1]["error"]["code"], "E-BUNDLE");
    let check = others[0]["check"].as_str().unwrap();
    assert_eq!(paste(&bench, check).exit, Some(0), "{check}");
    bench.write("MODEL/model.sig", b"garbage");
    let value = bench.good("inspect MODEL --json").json();
    assert_eq!(value["result"]["error"]["code"], "E-JSON");
    assert_eq!(value["result"]["others"][0]["check"], check);
    fs::remove_file(bench.path("MODEL/model.sig")).unwrap();
    assert_eq!(paste(&bench, check).exit, Some(0), "{check}");
    let value = bench.good("inspect MODEL --json").json();
    assert_eq!((&value["result"]["bundle"], &value["result"]["check"]), (&Value::Null, &Value::Null));
    assert_eq!(value["result"]["others"][0]["check"], check);
}

#[test]
fn a_bundle_elsewhere_is_named() {
    let bench = Bench::with_model_and_key();
    fs::copy(bench.path("k.pub"), bench.path("KEY.pub")).unwrap();
    let said = bench.args([
        "sign",
        "MODEL",
        "--key",
        "k.key",
        "--name",
        "m",
        "--signature",
        "it's $(touch pwned).sig",
    ]);
    assert_eq!(said.exit, Some(0), "{said:?}");
    both_ways_of_bundle(&bench, "it's $(touch pwned).sig");
}

/// The command that is printed for a bundle whose model cannot be told from its place.
fn both_ways_of_bundle(bench: &Bench, bundle: &str) {
    let value = Said::of(bench.command().args(["inspect", "--json", "--", bundle])).json();
    let check = value["result"]["check"].as_str().unwrap();
    let done = paste(bench, check);
    assert_eq!(done.exit, Some(0), "{check}\n{done:?}");
    assert!(!bench.path("pwned").exists());
}

#[test]
fn keyless_signers_of_the_reference_implementation() {
    let Some(vectors) = vectors() else { return };
    let bench = Bench::new();
    for release in ["v0.3.1", "v1.0.0", "v1.1.0"] {
        let folder = vectors.join(format!("oms/model-transparency/scripts/tests/{release}-sigstore"));
        let result = both_ways(&bench, folder.to_str().unwrap(), " --offline");
        let claimant = &result["claims"]["claimant"];
        assert_eq!(claimant["identity"], "stefanb@us.ibm.com");
        assert_eq!(claimant["issuer"], "https://sigstore.verify.ibm.com/oauth2");
    }
}
