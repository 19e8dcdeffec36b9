//! Keys in a PKCS#11 token (`SoftHSM`), which both sign with.

use std::fs;

use lacre_testkit::ModelDir;
use lacre_testkit::interop::{self, Direction};
use lacre_testkit::openssl_pki::Pki;

use crate::bench::{Bench, Found, model_signing};
use crate::pairing::Pairing;

const PEER: &str = "model_signing";
const CERTIFIED: &str = "PKCS#11 certificate, ECDSA P-256";
const URI: &str = "pkcs11:token=test;object=k?module-name=softhsm2&pin-source=pin";

/// A bench with a token that holds the key of `file` (PKCS#8) as `k`. Nothing where there is no `SoftHSM`.
fn with_token(file: impl FnOnce(&Bench) -> String) -> Option<Bench> {
    let tool = Found::program("softhsm2-util")?;
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    fs::create_dir(bench.path("tokens")).unwrap();
    let settings = format!("directories.tokendir = {}\nlog.level = ERROR\n", bench.path("tokens").display());
    fs::write(bench.path("softhsm2.conf"), settings).unwrap();
    fs::write(bench.path("pin"), "97531\n").unwrap();
    bench.peer(&tool, "--init-token --free --so-pin 86420 --pin 97531 --label test");
    let file = file(&bench);
    bench.peer(&tool, &format!("--import {file} --token test --pin 97531 --label k --id 01"));
    Some(bench)
}

/// The same key as `model_signing` names it.
fn their_uri() -> String {
    let module = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so"];
    let module = module.into_iter().find(|path| fs::exists(path).unwrap()).expect("SoftHSM's module");
    format!("pkcs11:token=test;object=k;id=%01?pin-value=97531&module-path={module}")
}

#[test]
fn model_signing_and_a_key_in_a_token() {
    let Some(found) = model_signing() else { return };
    let Some(bench) = with_token(|_| "k.key".to_owned()) else { return };
    Pairing {
        peer: PEER,
        way: "PKCS#11 key, ECDSA P-256",
        bench: &bench,
        lacre_signs: format!("--key {URI}"),
        lacre_verifies: "--key k.pub".to_owned(),
        peer_signs: &|bench| {
            bench.peer(
                &found,
                &format!("sign pkcs11-key model --pkcs11_uri {} --signature out.sig", their_uri()),
            );
        },
        peer_verifies: &|bench, _| {
            bench.asked(&found, "verify key model --public_key k.pub --signature out.sig")
        },
    }
    .both_ways();
}

#[test]
fn model_signing_and_a_certificate_for_a_key_in_a_token() {
    let Some(found) = model_signing() else { return };
    let Some(pki) = Pki::sound() else { return };
    let at = |name: &str| pki.folder().join(name).display().to_string();
    let Some(bench) = with_token(|_| at("signer.key")) else { return };
    Pairing {
        peer: PEER,
        way: CERTIFIED,
        bench: &bench,
        lacre_signs: format!("--key {URI} --certificate {} --chain {}", at("signer.pem"), at("int.pem")),
        lacre_verifies: format!("--ca {} --identity subject:CN=signer,O=lacre", at("root.pem")),
        peer_signs: &|_| unreachable!(),
        peer_verifies: &|bench, _| {
            let anchor = format!("--certificate_chain {}", at("root.pem"));
            bench.asked(&found, &format!("verify certificate model {anchor} --signature out.sig"))
        },
    }
    .peer_verifies_lacres();
    let certificate =
        format!("--signing_certificate {} --certificate_chain {}", at("signer.pem"), at("int.pem"));
    let line = format!(
        "sign pkcs11-certificate model --pkcs11_uri {} {certificate} --signature other.sig",
        their_uri()
    );
    // Which part of the bundle its own library objects to differs from run to run.
    bench.peer_refuses(&found, &line, "validation error");
    let note = "it cannot write such a bundle (model-transparency #630)";
    interop::refused(PEER, CERTIFIED, Direction::ToLacre, note);
}
