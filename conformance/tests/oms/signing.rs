//! `sign-model`, and what others say to it.

use std::fs;
use std::path::Path;
use std::process::Command;

use lacre_testkit::openssl_pki::{AUTHORITY, LEAF, Pki};
use lacre_testkit::places::Peer;
use lacre_testkit::{Stack, statement_of};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::case::{Case, code, run, texts};

const WHO: &str = "release@example.test";

/// By what a case is signed and verified: the words for either, and for `model_signing`.
struct Means {
    sign: Vec<String>,
    verify: Vec<String>,
    model_signing: Vec<String>,
}

impl Means {
    fn new(sign: &[(&str, &Path)], verify: &[(&str, &Path)], model_signing: &[(&str, &Path)]) -> Self {
        let words = |pairs: &[(&str, &Path)]| {
            pairs.iter().flat_map(|(option, path)| [(*option).to_owned(), word(path)]).collect()
        };
        Self { sign: words(sign), verify: words(verify), model_signing: words(model_signing) }
    }
}

fn word(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Keys and certificates in the place of the suite's, whose private halves are not among the vectors.
fn means(case: &Case, pki: &Pki) -> Means {
    let at = |name: &str| pki.folder().join(name);
    let (key, public) = (at("key.pem"), at("key.pub"));
    let named = case.config["sign"]["private_key"].as_str().unwrap();
    match (case.method(), named) {
        ("key", _) => {
            let curve = if named.contains("p521") { "P-521" } else { "P-384" };
            pki.run(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out key.pem"));
            pki.run("pkey -in key.pem -pubout -out key.pub");
            let verify = [("--public-key", public.as_path())];
            Means::new(&[("--private-key", &key)], &verify, &[("--public_key", &public)])
        }
        ("certificate", "keys/self-signed/signing-key.pem") => {
            // As the suite's own: it is called an authority, and may sign and nothing else.
            pki.issue("own", "own", &LEAF.replace("CA:FALSE", "CA:TRUE"));
            let (key, own) = (at("own.key"), pki.certificate("own"));
            let chain = ("--cert-chain", own.as_path());
            Means::new(
                &[("--private-key", &key), ("--signing-cert", &own), chain],
                &[chain],
                &[("--certificate_chain", &own)],
            )
        }
        ("certificate", _) => {
            pki.issue("root", "root", AUTHORITY);
            pki.issue("int", "root", AUTHORITY);
            pki.issue("signer", "int", &LEAF.replace("CA:FALSE", "CA:TRUE"));
            let (key, leaf) = (at("signer.key"), pki.certificate("signer"));
            let (int, root) = (pki.certificate("int"), pki.certificate("root"));
            Means::new(
                &[("--private-key", &key), ("--signing-cert", &leaf), ("--cert-chain", &int)],
                &[("--cert-chain", &root)],
                &[("--certificate_chain", &root)],
            )
        }
        other => panic!("{other:?}"),
    }
}

fn sign(case: &Case, bundle: &Path, means: &Means) -> Result<(), String> {
    let mut words = ["sign-model", "--method", case.method(), "--model-path"].map(str::to_owned).to_vec();
    words.extend([word(&case.model), "--output-bundle".to_owned(), word(bundle)]);
    words.extend(means.sign.iter().cloned());
    words.extend(case.ignored());
    run(&words)
}

fn verify(case: &Case, bundle: &Path, means: &Means) -> Result<(), String> {
    let mut words = ["verify-model", "--method", case.method(), "--model-path"].map(str::to_owned).to_vec();
    words.extend([word(&case.model), "--bundle".to_owned(), word(bundle)]);
    words.extend(means.verify.iter().cloned());
    words.extend(case.ignored());
    if case.config["verify"]["ignore_unsigned_files"] == true {
        words.push("--ignore-unsigned-files".to_owned());
    }
    run(&words)
}

fn bytes(hex: &str) -> Vec<u8> {
    assert_eq!(hex.len(), 64);
    (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// What `test/test_roundtrip.py` of the suite wants of a bundle.
fn check(case: &Case, bundle: &Path) {
    let statement = statement_of(&fs::read(bundle).unwrap());
    let resources = statement["predicate"]["resources"].as_array().unwrap();
    let names: Vec<&str> = resources.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    if !case.config["expected_signed_files"].is_null() {
        let mut wanted = texts(&case.config["expected_signed_files"]);
        wanted.sort_unstable();
        assert_eq!(names, wanted, "{}", case.name);
    }
    let mut root = Sha256::new();
    for resource in resources {
        root.update(bytes(resource["digest"].as_str().unwrap()));
    }
    let subjects = statement["subject"].as_array().unwrap();
    assert_eq!(subjects.len(), 1);
    assert_eq!(bytes(subjects[0]["digest"]["sha256"].as_str().unwrap()), root.finalize().as_slice());
    let serialization = &statement["predicate"]["serialization"];
    assert_eq!((&serialization["method"], &serialization["hash_type"]), (&"files".into(), &"sha256".into()));
    assert_eq!(
        (&serialization["allow_symlinks"], &serialization["shard_size"]),
        (&false.into(), &Value::Null)
    );
}

/// What must not be signed, and why it is not.
const REFUSED: &[(&str, &str)] = &[
    ("key-empty-model-rejected", "E-INPUT-EMPTY"),
    ("key-symlink-cycle", "E-INPUT-TYPE"),
    ("key-symlink-default-rejected", "E-INPUT-TYPE"),
];

/// What `model_signing` verifies too: it takes its time to start.
const COMPARED: &[&str] = &[
    "certificate-multi-file",
    "certificate-self-signed",
    "key-default-ignores",
    "key-ignore-paths",
    "key-p521",
    "key-sig-inside-model",
    "key-special-chars-path",
    "key-unicode-filename",
];

fn place(case: &Case) -> std::path::PathBuf {
    if case.config["sig_inside_model"] == true {
        case.model.join("model.sig")
    } else {
        case.beside("model.sig")
    }
}

#[test]
fn every_round_trip_with_keys_and_certificates() {
    let Some(pki) = Pki::new() else { return };
    let model_signing = Peer::ModelSigning.find();
    let mut seen = 0;
    for case in Case::all("roundtrip").into_iter().filter(|case| case.method() != "sigstore") {
        let (bundle, means) = (place(&case), means(&case, &pki));
        let signed = sign(&case, &bundle, &means);
        seen += 1;
        let wanted = REFUSED.iter().find(|(name, _)| *name == case.name).map(|(_, code)| *code);
        assert_eq!(wanted.is_none(), case.must_pass());
        if let Some(wanted) = wanted {
            assert_eq!(code(&signed.unwrap_err()), wanted, "{}", case.name);
            assert!(!bundle.exists());
            continue;
        }
        signed.unwrap();
        check(&case, &bundle);
        verify(&case, &bundle, &means).unwrap();
        if let Some(program) = model_signing.as_ref().filter(|_| COMPARED.contains(&case.name.as_str())) {
            let output = Command::new(program)
                .args(["verify", case.method()])
                .arg(&case.model)
                .arg("--signature")
                .arg(&bundle)
                .args(&means.model_signing)
                .output()
                .unwrap();
            assert!(output.status.success(), "{}: {output:?}", case.name);
        }
        if case.model.is_dir() {
            fs::write(case.model.join("planted"), "").unwrap();
            let lenient = case.config["verify"]["ignore_unsigned_files"] == true;
            let again = verify(&case, &bundle, &means);
            let found = again.as_ref().map_or_else(|said| code(said), |()| "accepted");
            assert_eq!(found, if lenient { "accepted" } else { "E-FILE-EXTRA" }, "{}", case.name);
        }
    }
    assert!(seen == 22 || lacre_testkit::places::vectors().is_none(), "{seen}");
}

#[test]
fn signing_twice_says_the_same() {
    let Some(pki) = Pki::new() else { return };
    for case in Case::all("roundtrip").into_iter().filter(|case| case.name == "key-simple-deterministic") {
        let means = means(&case, &pki);
        let [first, second] = ["1.sig", "2.sig"].map(|name| {
            sign(&case, &case.beside(name), &means).unwrap();
            statement_of(&fs::read(case.beside(name)).unwrap())
        });
        assert_eq!(first, second);
    }
}

#[test]
fn every_round_trip_with_an_identity() {
    let Some(stack) = Stack::start() else { return };
    let mut seen = 0;
    for case in Case::all("roundtrip").into_iter().filter(|case| case.method() == "sigstore") {
        let verify_by = |who: &str| {
            let words = ["--identity", who, "--identity-provider", &stack.issuer().url(), "--trusted-root"];
            let mut words = words.map(str::to_owned).to_vec();
            words.push(word(&stack.trusted_root()));
            words
        };
        let token = stack.issuer().token(WHO);
        let sign_by = ["--identity-token", &token, "--trust-config"].map(str::to_owned);
        let mut means = Means {
            sign: [&sign_by[..], &[word(&stack.trust_config())]].concat(),
            verify: verify_by(WHO),
            model_signing: Vec::new(),
        };
        let bundle = place(&case);
        sign(&case, &bundle, &means).unwrap();
        check(&case, &bundle);
        verify(&case, &bundle, &means).unwrap();
        means.verify = verify_by("other@example.test");
        assert_eq!(code(&verify(&case, &bundle, &means).unwrap_err()), "E-IDENTITY-MISMATCH");
        seen += 1;
    }
    assert!(seen == 5 || lacre_testkit::places::vectors().is_none(), "{seen}");
}
