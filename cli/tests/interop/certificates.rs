//! Certificates of an authority of one's own.

use lacre_testkit::ModelDir;
use lacre_testkit::openssl_pki::{LEAF, Pki};

use crate::bench::{Bench, cosign, model_signing};
use crate::pairing::Pairing;

const WAY: &str = "certificate, ECDSA P-256";

fn options(pki: &Pki) -> (String, String) {
    let at = |name: &str| pki.folder().join(name).display().to_string();
    let sign =
        format!("--key {} --certificate {} --chain {}", at("signer.key"), at("signer.pem"), at("int.pem"));
    (sign, format!("--ca {} --identity subject:CN=signer,O=lacre", at("root.pem")))
}

#[test]
fn model_signing_and_certificates() {
    let Some(found) = model_signing() else { return };
    let Some(pki) = Pki::sound() else { return };
    let at = |name: &str| pki.folder().join(name).display().to_string();
    for (way, leaf) in [
        (WAY, LEAF.to_owned()),
        ("certificate, `CA:TRUE`, for signatures alone", LEAF.replace("CA:FALSE", "CA:TRUE")),
    ] {
        pki.certify("signer", "signer", "int", &leaf);
        let bench = Bench::new("ecdsa-p256", ModelDir::sample());
        let (lacre_signs, lacre_verifies) = options(&pki);
        let certificate =
            format!("--private_key {} --signing_certificate {}", at("signer.key"), at("signer.pem"));
        let chain = format!("--certificate_chain {}", at("int.pem"));
        Pairing {
            peer: "model_signing",
            way,
            bench: &bench,
            lacre_signs,
            lacre_verifies,
            peer_signs: &|bench| {
                bench.peer(
                    &found,
                    &format!("sign certificate model {certificate} {chain} --signature out.sig"),
                );
            },
            peer_verifies: &|bench, _| {
                let anchor = format!("--certificate_chain {}", at("root.pem"));
                bench.asked(&found, &format!("verify certificate model {anchor} --signature out.sig"))
            },
        }
        .both_ways();
    }
}

#[test]
fn cosign_and_certificates() {
    let Some(found) = cosign() else { return };
    let Some(pki) = Pki::sound() else { return };
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    let (lacre_signs, lacre_verifies) = options(&pki);
    let root = pki.certificate("root");
    Pairing {
        peer: "cosign",
        way: WAY,
        bench: &bench,
        lacre_signs,
        lacre_verifies,
        peer_signs: &|_| unreachable!(),
        peer_verifies: &|bench, digest| {
            let trust = format!(
                "--ca-roots {} --insecure-ignore-tlog=true --insecure-ignore-sct=true",
                root.display()
            );
            let who = "--certificate-identity-regexp .* --certificate-oidc-issuer-regexp .*";
            let what =
                format!("--type https://model_signing/signature/v1.0 --digestAlg sha256 --digest {digest}");
            bench.asked(&found, &format!("verify-blob-attestation {trust} {who} {what} --bundle out.sig"))
        },
    }
    .peer_refuses_lacres(
        "does not contain cert",
        "it does not read `x509CertificateChain`, in which OMS keeps certificates",
    );
}
