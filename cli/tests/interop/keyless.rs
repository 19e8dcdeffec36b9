//! Keyless signatures, made and verified beside a Sigstore on this machine.

use std::fs;

use lacre_testkit::places::Peer;
use lacre_testkit::{ModelDir, Stack, TufDraft, TufRepository};
use serde_json::Value;

use crate::bench::{Bench, Found, Said, cosign, model_signing};
use crate::pairing::{Pairing, write_statement};

const WHO: &str = "release@example.test";

/// A model, and the token of somebody whom the local Sigstore knows.
fn bench(stack: &Stack) -> Bench {
    let bench = Bench::new("ecdsa-p256", ModelDir::sample());
    fs::write(bench.path("token"), stack.issuer().token(WHO)).unwrap();
    bench
}

fn sign(stack: &Stack) -> String {
    format!(
        "sign model --name org/mini-lm --keyless --identity-token-file token --trust-config {}",
        stack.trust_config().display()
    )
}

fn verify(stack: &Stack, who: &str) -> String {
    let root = stack.trusted_root();
    format!(
        "verify model --issuer {} --identity {who} --trusted-root {}",
        stack.issuer().url(),
        root.display()
    )
}

#[test]
fn an_identity_signs_and_is_verified() {
    let Some(stack) = Stack::start() else { return };
    let bench = bench(&stack);
    let signed = bench.lacre(&format!("{} --publish-identity", sign(&stack)));
    assert_eq!(signed["signer"]["identity"], WHO);
    let verified = bench.lacre(&verify(&stack, WHO));
    assert_eq!(
        (&verified["signer"]["kind"], &verified["signer"]["identity"]),
        (&"keyless".into(), &WHO.into())
    );
    assert_ne!(verified["signed_at"], "unproven");
    bench.lacre_refuses(&verify(&stack, "other@example.test"), 5, "E-IDENTITY-MISMATCH");
    bench.lacre_refuses("verify model --key k.pub", 5, "E-SIGNER-UNTRUSTED");
}

const PYTHON: &str = "sigstore-python";
const WAY: &str = "identity (Fulcio, Rekor v2, timestamp)";
const OMS: &str = "--type https://model_signing/signature/v1.0 --digestAlg sha256";

/// What `peer_signs` and `peer_verifies` do, with Lacre on the other side.
fn pair<'a>(
    peer: &'static str,
    stack: &Stack,
    bench: &'a Bench,
    peer_signs: &'a dyn Fn(&Bench),
    peer_verifies: &'a dyn Fn(&Bench, &str) -> Said,
) -> Pairing<'a> {
    let trust = stack.trust_config();
    Pairing {
        peer,
        way: WAY,
        bench,
        lacre_signs: format!(
            "--keyless --publish-identity --identity-token-file token --trust-config {}",
            trust.display()
        ),
        lacre_verifies: verify(stack, WHO).strip_prefix("verify model ").unwrap().to_owned(),
        peer_signs,
        peer_verifies,
    }
}

#[test]
fn model_signing_and_identities() {
    let Some(found) = model_signing() else { return };
    let Some(stack) = Stack::start() else { return };
    let (issuer, trust) =
        (stack.issuer().url(), format!("--trust_config {}", stack.trust_config().display()));
    let sign = |bench: &Bench| {
        let token = stack.issuer().token(WHO);
        bench.peer(
            &found,
            &format!("sign sigstore model {trust} --identity_token {token} --signature out.sig"),
        );
    };
    let verify = |bench: &Bench, _: &str| {
        let who = format!("--identity {WHO} --identity_provider {issuer}");
        bench.asked(&found, &format!("verify sigstore model {trust} {who} --signature out.sig"))
    };
    pair("model_signing", &stack, &bench(&stack), &sign, &verify).both_ways();
}

#[test]
fn cosign_and_identities() {
    let Some(found) = cosign() else { return };
    let Some(stack) = Stack::start() else { return };
    let (issuer, trust) =
        (stack.issuer().url(), format!("--trusted-root {}", stack.trusted_root().display()));
    let sign = |bench: &Bench| {
        write_statement(bench);
        let config = format!("--signing-config {} {trust}", stack.signing_config().display());
        let line = format!("attest-blob -y --statement statement.json {config} --identity-token token");
        bench.peer(&found, &format!("{line} --bundle out.sig"));
    };
    let verify = |bench: &Bench, root: &str| {
        let who = format!("--certificate-identity {WHO} --certificate-oidc-issuer {issuer}");
        let what = format!("{OMS} --digest {root} --bundle out.sig");
        bench.asked(&found, &format!("verify-blob-attestation {trust} {who} {what}"))
    };
    pair("cosign", &stack, &bench(&stack), &sign, &verify).both_ways();
}

#[test]
fn sigstore_go_and_identities() {
    let Some(signing) = Found::of(Peer::SigstoreGoSigning) else { return };
    let Some(verification) = Found::of(Peer::SigstoreGoVerification) else { return };
    let Some(stack) = Stack::start() else { return };
    let (issuer, root) = (stack.issuer().url(), stack.trusted_root());
    let sign = |bench: &Bench| {
        write_statement(bench);
        let config =
            format!("-signing-config {} -trusted-root {}", stack.signing_config().display(), root.display());
        let token = stack.issuer().token(WHO);
        let line = format!("-in-toto -rekor -tsa {config} -id-token {token} statement.json");
        let said = bench.peer(&signing, &line);
        // It prints the public key before.
        let bundle = said.stdout.lines().find(|line| line.starts_with('{')).unwrap();
        fs::write(bench.path("out.sig"), bundle).unwrap();
    };
    let verify = |bench: &Bench, digest: &str| {
        let who = format!("-expectedSAN {WHO} -expectedIssuer {issuer}");
        let line = format!("-trustedrootJSONpath {} {who} -artifact-digest {digest} out.sig", root.display());
        bench.asked(&verification, &line)
    };
    pair("sigstore-go", &stack, &bench(&stack), &sign, &verify).both_ways();
}

/// Signs `statement.json` into `out.sig`: the words are the trust configuration and the token's file.
const PYTHON_SIGNS: &str = r#"
import pathlib, sys
from sigstore.dsse import Statement
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
trust = ClientTrustConfig.from_json(pathlib.Path(sys.argv[1]).read_text())
token = IdentityToken(pathlib.Path(sys.argv[2]).read_text().strip())
with SigningContext.from_trust_config(trust).signer(token) as signer:
    bundle = signer.sign_dsse(Statement(pathlib.Path("statement.json").read_bytes()))
pathlib.Path("out.sig").write_text(bundle.to_json())
"#;

/// Verifies `out.sig`: the words are the trust configuration, who, by whom, and the digest that the subject must have.
const PYTHON_VERIFIES: &str = r#"
import json, pathlib, sys
from sigstore.models import Bundle, ClientTrustConfig
from sigstore.verify import Verifier, policy
trust, who, issuer, digest = sys.argv[1:]
verifier = Verifier(trusted_root=ClientTrustConfig.from_json(pathlib.Path(trust).read_text()).trusted_root)
bundle = Bundle.from_json(pathlib.Path("out.sig").read_bytes())
kind, payload = verifier.verify_dsse(bundle, policy.Identity(identity=who, issuer=issuer))
assert kind == "application/vnd.in-toto+json"
assert json.loads(payload)["subject"][0]["digest"]["sha256"] == digest
"#;

#[test]
fn sigstore_python_and_identities() {
    let Some(python) = Found::of(Peer::Python) else { return };
    let Some(command) = Found::of(Peer::Sigstore) else { return };
    let Some(stack) = Stack::start() else { return };
    let (issuer, trust) = (stack.issuer().url(), stack.trust_config());
    let sign = |bench: &Bench| {
        write_statement(bench);
        let mut statement: Value = serde_json::from_slice(&bench.read("statement.json")).unwrap();
        statement["subject"][0]["digest"].as_object_mut().unwrap().remove("lacre").unwrap();
        fs::write(bench.path("statement.json"), statement.to_string()).unwrap();
        fs::write(bench.path("sign.py"), PYTHON_SIGNS).unwrap();
        bench.peer(&python, &format!("sign.py {} token", trust.display()));
    };
    let verify = |bench: &Bench, digest: &str| {
        fs::write(bench.path("verify.py"), PYTHON_VERIFIES).unwrap();
        bench.asked(&python, &format!("verify.py {} {WHO} {issuer} {digest}", trust.display()))
    };
    let bench = bench(&stack);
    let pairing = pair(PYTHON, &stack, &bench, &sign, &verify);
    pairing.peer_verifies_lacres();
    pairing.lacre_verifies_peers_if(
        "by its API, and without Lacre's identity among the digests: it makes no statement with it",
    );

    // The command line looks into the statement, the API leaves that to the caller.
    let trust = format!("--trust-config {}", trust.display());
    let who = format!("--cert-identity {WHO} --cert-oidc-issuer {issuer}");
    let by_command = |bench: &Bench, digest: &str| {
        let line = format!("{trust} verify identity --bundle out.sig {who} sha256:{digest}");
        bench.asked(&command, &line)
    };
    Pairing { way: "identity, by its command line", peer_verifies: &by_command, ..pairing }
        .peer_refuses_lacres(
            "digest.lacre",
            "it reads no statement with a digest that it does not know, as Lacre's identity of a model",
        );
}

#[test]
fn nothing_is_signed_before_the_identity_may_become_public() {
    let Some(stack) = Stack::start() else { return };
    let bench = bench(&stack);
    bench.lacre_refuses(&sign(&stack), 130, "E-DECLINED");
    bench.lacre_refuses(&format!("{} --publish-identity --offline", sign(&stack)), 2, "E-USAGE");
    bench.lacre_refuses(&format!("{} --key k.key", sign(&stack)), 2, "E-USAGE");
    fs::write(bench.path("token"), "no token").unwrap();
    bench.lacre_refuses(&format!("{} --publish-identity", sign(&stack)), 12, "E-TOKEN");
    assert!(!bench.path("model/model.sig").exists());
}

#[test]
fn trust_that_came_from_a_repository_signs_and_verifies() {
    let Some(stack) = Stack::start() else { return };
    let bench = bench(&stack);
    let read = |path| fs::read(path).unwrap();
    let repository = TufRepository::start(&TufDraft::new(vec![
        ("trusted_root.json", read(stack.trusted_root())),
        ("signing_config.v0.2.json", read(stack.signing_config())),
    ]));
    fs::write(bench.path("root.json"), repository.root()).unwrap();
    bench.lacre(&format!("trust update --mirror {} --root root.json --to trust.json", repository.url()));
    let who = "sign model --name org/mini-lm --keyless --identity-token-file token --publish-identity";
    bench.lacre(&format!("{who} --trust-config trust.json"));
    let asked = repository.seen().len();
    let verify = format!("verify model --issuer {} --identity {WHO}", stack.issuer().url());
    let verified = bench.lacre(&format!("{verify} --trusted-root trust.json"));
    assert_eq!(verified["sigstore"]["repository"], repository.url());
    // Another Sigstore's keys: those that are built in.
    bench.lacre_refuses(&verify, 3, "E-TIMESTAMP");
    assert_eq!(repository.seen().len(), asked);
}
