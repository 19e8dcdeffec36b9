//! Certificates and keyless signatures: `sign --certificate`, `verify --ca`, `verify --issuer`.

use std::fs;
use std::path::Path;
use std::process::Command;

use lacre_testkit::places::vectors;

use crate::bench::Bench;

fn openssl(bench: &Bench, line: &str) {
    let output = Command::new("openssl").args(line.split(' ')).current_dir(bench.path("")).output().unwrap();
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A model, the key `k.key`, an authority `ca.pem`, and a certificate `leaf.pem` of it for `k.key`.
fn certified() -> Bench {
    certified_for(WHO)
}

/// The same, where the certificate is for this URI.
pub(crate) fn certified_for(who: &str) -> Bench {
    let bench = Bench::with_model_and_key();
    bench.write(
        "ca.cnf",
        b"[req]\ndistinguished_name=dn\nx509_extensions=ca\nprompt=no\n[dn]\nCN=Test CA\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n",
    );
    let leaf =
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\nauthorityKeyIdentifier=keyid";
    bench.write("leaf.cnf", format!("{leaf}\nsubjectAltName=URI:{who}\n").as_bytes());
    openssl(
        &bench,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 -config ca.cnf",
    );
    openssl(&bench, "req -new -key k.key -subj /CN=release -out leaf.csr");
    openssl(
        &bench,
        "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 20 -extfile leaf.cnf -out leaf.pem",
    );
    bench
}

pub(crate) const SIGN: &str =
    "sign MODEL --key k.key --name org/mini-lm --version 1.0.0 --certificate leaf.pem";
const WHO: &str = "https://example.test/release";

#[test]
fn a_certificate_counts_for_whom_it_names_and_by_whom_it_is_vouched_for() {
    let bench = certified();
    bench.good(SIGN);
    let said = bench.good(&format!("verify MODEL --ca ca.pem --identity {WHO} --json")).json();
    assert_eq!(said["result"]["signer"]["kind"], "certificate");
    assert_eq!(said["result"]["signer"]["identity"], WHO);
    bench.good("verify MODEL --ca ca.pem --identity subject:CN=release");
    bench.bad("verify MODEL --ca ca.pem --identity https://example.test/other", "E-IDENTITY-MISMATCH", 5);
    bench.bad("verify MODEL --ca ca.pem", "E-USAGE", 2);
    bench.bad("verify MODEL --key k.pub", "E-SIGNER-UNTRUSTED", 5);
    bench.bad(&format!("verify MODEL --key k.pub --identity {WHO}"), "E-USAGE", 2);
    let other = certified();
    fs::copy(other.path("ca.pem"), bench.path("other.pem")).unwrap();
    bench.bad(&format!("verify MODEL --ca other.pem --identity {WHO}"), "E-CERTIFICATE", 3);
    let any = bench.good("verify MODEL --ca ca.pem --any-identity-danger --json").json();
    assert_eq!(any["result"]["warnings"].as_array().unwrap().len(), 1);
}

#[test]
fn a_certificate_for_another_key_is_refused_before_anything_is_signed() {
    let bench = certified();
    bench.good("key new other --no-passphrase");
    bench.bad(&SIGN.replace("k.key", "other.key"), "E-KEY", 13);
    assert!(!bench.path("MODEL/model.sig").exists());
    bench.bad(&format!("{SIGN} --timestamp-url http://127.0.0.1:9/ --offline"), "E-USAGE", 2);
    bench.bad(&format!("{SIGN} --timestamp-url http://127.0.0.1:9/"), "E-NETWORK", 11);
    assert!(!bench.path("MODEL/model.sig").exists());
}

const ISSUER: &str = "https://sigstore.verify.ibm.com/oauth2";
const SIGNER: &str = "stefanb@us.ibm.com";

/// `lacre verify` of a public keyless vector, offline, with the embedded root of the public Sigstore.
fn keyless(bench: &Bench, folder: &Path, demands: &str) -> crate::bench::Said {
    let mut words = vec!["verify".to_owned(), folder.to_str().unwrap().to_owned(), "--offline".to_owned()];
    words.extend(demands.split(' ').map(str::to_owned));
    bench.args(words)
}

#[test]
fn keyless_signatures_of_the_reference_implementation() {
    let Some(vectors) = vectors() else { return };
    let bench = Bench::new();
    for release in ["v0.3.1", "v1.0.0", "v1.1.0"] {
        let folder = vectors.join(format!("oms/model-transparency/scripts/tests/{release}-sigstore"));
        let said = keyless(&bench, &folder, &format!("--issuer {ISSUER} --identity {SIGNER} --json"));
        assert_eq!(said.exit, Some(0), "{said:?}");
        let signer = &said.json()["result"]["signer"];
        assert_eq!((&signer["kind"], &signer["identity"]), (&"keyless".into(), &SIGNER.into()));
        keyless(&bench, &folder, &format!("--issuer {ISSUER} --identity-regex .*@us[.]ibm[.]com --json"));
        for demands in [
            format!("--issuer {ISSUER} --identity stefanb@us.ibm.co"),
            format!("--issuer https://sigstore.verify.ibm.com --identity {SIGNER}"),
            format!("--issuer {ISSUER} --identity-regex us[.]ibm"),
        ] {
            keyless(&bench, &folder, &demands).refuses("E-IDENTITY-MISMATCH", 5);
        }
        keyless(&bench, &folder, &format!("--issuer {ISSUER}")).refuses("E-USAGE", 2);
    }
}
