//! A signature of another implementation travels with its model, byte for byte.

use lacre_testkit::ModelDir;

use crate::bench::{Bench, model_signing};

#[test]
fn pushed_and_pulled_it_is_still_theirs() {
    let Some(peer) = model_signing() else { return };
    let model = ModelDir::sample().file("x.ext", "beside x").file(".git/HEAD", "left out");
    let bench = Bench::new("ecdsa-p384", model);
    bench.peer(&peer, "sign key model --private_key k.key --signature model/model.sig");
    let pushed = bench.lacre("push model oci:store:v1");
    let pulled = bench.lacre("pull oci:store:v1 out --key k.pub --expect-name model");
    assert_eq!(pushed["manifest"], pulled["manifest"]);
    assert_eq!(bench.read("out/model.sig"), bench.read("model/model.sig"));
    assert!(!bench.path("out/.git").exists(), "what is not signed does not travel");
    bench.peer(&peer, "verify key out --public_key k.pub --signature out/model.sig");
    bench.lacre("verify out --key k.pub");
}

#[test]
fn one_file_travels_under_its_signed_name() {
    let Some(peer) = model_signing() else { return };
    let bench = Bench::new("ecdsa-p256", ModelDir::new().file("m.gguf", "GGUF"));
    bench.peer(&peer, "sign key model/m.gguf --private_key k.key --signature model/m.gguf.sig");
    bench.lacre("push model/m.gguf oci:store:v1");
    bench.lacre("pull oci:store:v1 out --key k.pub");
    assert_eq!(bench.read("out/m.gguf"), b"GGUF");
    assert_eq!(bench.read("out/model.sig"), bench.read("model/m.gguf.sig"));
    bench.peer(&peer, "verify key out/m.gguf --public_key k.pub --signature out/model.sig");
    bench.lacre("verify out/m.gguf --key k.pub --signature out/model.sig");
}

#[test]
fn ours_is_theirs_after_the_journey() {
    let Some(peer) = model_signing() else { return };
    let bench = Bench::new("ecdsa-p521", ModelDir::sample());
    bench.lacre("sign model --key k.key --name org/mini-lm --version 1.0.0");
    bench.lacre("push model oci:store:v1");
    bench.lacre("pull oci:store:v1 out --key k.pub");
    bench.peer(&peer, "verify key out --public_key k.pub --signature out/model.sig");
}
