//! Signing with certificates: what is written, what `model_signing` says to it, and what is refused before anything is
//! signed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use lacre_attest::{Bundle, CertificateForm, Limits, Material};
use lacre_sign::{CertificateChain, CertificateSigner, FileKey, Signer, seal};
use lacre_testkit::openssl_pki::{AUTHORITY, LEAF, Pki};
use lacre_testkit::places::Peer;
use lacre_testkit::{ModelDir, Seal};

const YEAR: Duration = Duration::from_hours(365 * 24);

/// What comes of signing with the key `signer` and these certificates, one after the other: `ok` or the code.
fn outcome(pki: &Pki, names: &[&str]) -> &'static str {
    outcome_at(pki, names, SystemTime::now())
}

fn outcome_at(pki: &Pki, names: &[&str], now: SystemTime) -> &'static str {
    let text: String = names.iter().map(|name| pki.pem(name)).collect();
    CertificateChain::from_pem(&text)
        .and_then(|chain| CertificateSigner::new(Box::new(pki.key("signer")), chain, now))
        .map_or_else(|error| error.code(), |_| "ok")
}

fn signer(pki: &Pki) -> CertificateSigner<'static> {
    let chain = CertificateChain::read(&pki.certificate("signer"), &[pki.certificate("int")]).unwrap();
    CertificateSigner::new(Box::new(pki.key("signer")), chain, SystemTime::now()).unwrap()
}

#[test]
fn the_bundle_carries_the_chain_leaf_first() {
    let Some(pki) = Pki::sound() else { return };
    let signer = signer(&pki);
    assert_eq!(signer.chain().subject(), "`CN=signer,O=lacre`");
    let claim = Seal::of(ModelDir::sample()).claim();
    let text = seal(&claim, &signer, &Limits::default()).unwrap().to_json();

    let bundle = Bundle::parse(&text, &Limits::default()).unwrap();
    let Material::Certificates(held) = bundle.material() else { panic!("{:?}", bundle.material()) };
    assert_eq!(held.form(), CertificateForm::Chain);
    assert_eq!(held.certificates(), [pki.der("signer"), pki.der("int")]);
    bundle.envelope().verify(pki.key("signer").public_key()).unwrap();
}

fn model_signing(peer: &Path, model: &ModelDir, authority: &Path) -> Output {
    Command::new(peer)
        .args(["verify", "certificate", "--signature"])
        .arg(model.entry("model.sig"))
        .arg("--certificate_chain")
        .arg(authority)
        .arg(model.path())
        .output()
        .unwrap()
}

#[test]
fn model_signing_accepts_it_under_its_authority_only() {
    let Some(peer) = Peer::ModelSigning.find() else { return };
    let Some(pki) = Pki::sound() else { return };
    let model = ModelDir::sample();
    let seal_of = Seal::of(model);
    let bundle = seal(&seal_of.claim(), &signer(&pki), &Limits::default()).unwrap().to_json();
    let model = seal_of.into_model();
    fs::write(model.entry("model.sig"), bundle).unwrap();

    let said = model_signing(&peer, &model, &pki.certificate("root"));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    pki.issue("stranger", "stranger", AUTHORITY);
    assert!(!model_signing(&peer, &model, &pki.certificate("stranger")).status.success());
    model.put("config.json", "{}");
    assert!(!model_signing(&peer, &model, &pki.certificate("root")).status.success());
}

#[test]
fn a_certificate_for_another_key() {
    let Some(pki) = Pki::sound() else { return };
    assert_eq!(outcome(&pki, &["signer", "int"]), "ok");
    pki.issue("other", "int", LEAF);
    assert_eq!(outcome(&pki, &["other", "int"]), "E-KEY");
    pki.run("req -x509 -newkey rsa:2048 -noenc -keyout rsa.key -subj /CN=rsa -out rsa.pem");
    assert_eq!(outcome(&pki, &["rsa"]), "E-KEY");
}

#[test]
fn leaves_that_strict_verifiers_refuse() {
    let Some(pki) = Pki::sound() else { return };
    let leaf = |extensions: &str| {
        pki.certify("signer", "signer", "int", extensions);
        outcome(&pki, &["signer", "int"])
    };
    assert_eq!(leaf(LEAF), "ok");
    assert_eq!(leaf(&LEAF.replace("codeSigning", "codeSigning,emailProtection")), "ok");
    assert_eq!(
        leaf(&LEAF.replace("CA:FALSE", "CA:TRUE")),
        "ok",
        "an authority that may issue nothing is none"
    );
    for unfit in [
        LEAF.replace("codeSigning", "serverAuth"),
        LEAF.replace("codeSigning", "anyExtendedKeyUsage"),
        LEAF.replace("\nextendedKeyUsage=codeSigning", ""),
        LEAF.replace("digitalSignature", "keyEncipherment"),
        LEAF.replace("digitalSignature", "digitalSignature,keyCertSign"),
        LEAF.replace("keyUsage=critical,digitalSignature\n", ""),
        LEAF.replace("CA:FALSE", "CA:TRUE").replace("keyUsage=critical,digitalSignature\n", ""),
        LEAF.replace("CA:FALSE", "CA:TRUE").replace("digitalSignature", "digitalSignature,keyCertSign"),
        LEAF.replace("CA:FALSE", "CA:TRUE").replace("digitalSignature", "digitalSignature,nonRepudiation"),
    ] {
        assert_eq!(leaf(&unfit), "E-CERTIFICATE", "{unfit}");
    }
}

#[test]
fn chains_in_another_order() {
    let Some(pki) = Pki::sound() else { return };
    for names in [&["signer"][..], &["signer", "int"], &["signer", "int", "root"]] {
        assert_eq!(outcome(&pki, names), "ok", "{names:?}");
    }
    for names in [
        &["signer", "root"][..],
        &["signer", "root", "int"],
        &["signer", "int", "int"],
        &["signer", "signer"],
    ] {
        assert_eq!(outcome(&pki, names), "E-CERTIFICATE", "{names:?}");
    }
    // The leaf is what comes first, and it is for another key.
    assert_eq!(outcome(&pki, &["int", "root"]), "E-KEY");
}

#[test]
fn an_issuer_of_the_same_name_and_another_key() {
    let Some(pki) = Pki::sound() else { return };
    pki.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out twin.key");
    pki.certify("twin", "int", "root", AUTHORITY);
    assert_eq!(outcome(&pki, &["signer", "twin"]), "E-CERTIFICATE");
}

#[test]
fn authorities_that_may_not_issue() {
    let Some(pki) = Pki::sound() else { return };
    let authority = |extensions: &str| {
        pki.certify("int", "int", "root", extensions);
        outcome(&pki, &["signer", "int"])
    };
    assert_eq!(authority(&format!("{AUTHORITY}\nextendedKeyUsage=codeSigning")), "ok");
    assert_eq!(authority(&AUTHORITY.replace("CA:TRUE", "CA:TRUE,pathlen:0")), "ok");
    for unfit in [
        AUTHORITY.replace("CA:TRUE", "CA:FALSE"),
        AUTHORITY.replace("keyCertSign,", ""),
        format!("{AUTHORITY}\nextendedKeyUsage=serverAuth"),
        LEAF.to_owned(),
    ] {
        assert_eq!(authority(&unfit), "E-CERTIFICATE", "{unfit}");
    }
    pki.certify("int", "int", "root", AUTHORITY);
    pki.certify("root", "root", "root", &AUTHORITY.replace("CA:TRUE", "CA:TRUE,pathlen:0"));
    assert_eq!(outcome(&pki, &["signer", "int", "root"]), "E-CERTIFICATE");
}

#[test]
fn certificates_outside_their_validity() {
    let Some(pki) = Pki::sound() else { return };
    let now = SystemTime::now();
    let day = Duration::from_hours(24);
    assert_eq!(outcome_at(&pki, &["signer", "int"], now + YEAR - day), "ok");
    assert_eq!(outcome_at(&pki, &["signer", "int"], now + YEAR + day), "E-CERTIFICATE-EXPIRED");
    assert_eq!(outcome_at(&pki, &["signer", "int"], now - day), "E-CERTIFICATE-EXPIRED");
    // The leaf lives on, the authority does not.
    pki.run(
        "x509 -req -in signer.csr -CA int.pem -CAkey int.key -days 999 -extfile extensions -out signer.pem",
    );
    assert_eq!(outcome_at(&pki, &["signer"], now + YEAR + day), "ok");
    assert_eq!(outcome_at(&pki, &["signer", "int"], now + YEAR + day), "E-CERTIFICATE-EXPIRED");
}

#[test]
fn files_that_are_no_chain() {
    let Some(pki) = Pki::sound() else { return };
    let code = |content: &[u8]| {
        let path = pki.folder().join("chain");
        fs::write(&path, content).unwrap();
        CertificateChain::read(&path, &[]).map_or_else(|error| error.code(), |_| "ok")
    };
    let leaf = pki.pem("signer");
    let key = fs::read_to_string(pki.folder().join("signer.key")).unwrap();
    assert_eq!(code(leaf.as_bytes()), "ok");
    assert_eq!(code(format!("subject=CN = signer\r\n{leaf}").as_bytes()), "ok");
    assert_eq!(code(b""), "E-CERTIFICATE");
    assert_eq!(code(b"certificate"), "E-CERTIFICATE");
    assert_eq!(code(&pki.der("signer")), "E-CERTIFICATE");
    assert_eq!(code(format!("{leaf}{key}").as_bytes()), "E-CERTIFICATE");
    assert_eq!(code(leaf.split_at(leaf.len() - 40).0.as_bytes()), "E-CERTIFICATE");
    assert_eq!(code(leaf.replacen("MII", "NII", 1).as_bytes()), "E-CERTIFICATE");
    assert_eq!(code(leaf.repeat(2).as_bytes()), "E-CERTIFICATE");
    assert_eq!(code(leaf.repeat(17).as_bytes()), "E-LIMIT");
    assert_eq!(code(&vec![b' '; 1024 * 1024 + 1]), "E-LIMIT");
    let missing = CertificateChain::read(&pki.folder().join("missing"), &[]).unwrap_err();
    assert_eq!(missing.code(), "E-NOT-FOUND");
}

#[test]
fn a_signer_that_signs_something_else_is_caught() {
    struct Liar(FileKey);
    impl Signer for Liar {
        fn public_key(&self) -> &lacre_attest::PublicKey {
            self.0.public_key()
        }
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, lacre_sign::SignError> {
            self.0.sign(b"something else")
        }
    }
    let Some(pki) = Pki::sound() else { return };
    let chain = CertificateChain::from_pem(&pki.pem("signer")).unwrap();
    let signer = CertificateSigner::new(Box::new(Liar(pki.key("signer"))), chain, SystemTime::now()).unwrap();
    let claim = Seal::of(ModelDir::sample()).claim();
    assert_eq!(seal(&claim, &signer, &Limits::default()).unwrap_err().code(), "E-SIGNATURE-INVALID");
}
