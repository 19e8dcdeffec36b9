//! `lacre push --format image`, and what other tools packed.

use lacre_testkit::{Archive, Foreign};
use serde_json::Value;

use crate::bench::Bench;

fn with_image() -> Bench {
    let bench = Bench::with_signed_model();
    bench.good("push MODEL oci:store:v1 --format image");
    bench
}

#[test]
fn an_image_is_pushed_inspected_and_pulled() {
    let bench = Bench::with_signed_model();
    let planned = bench.good("push MODEL oci:store:v1 --format image --dry-run --json").json();
    let pushed = bench.good("push MODEL oci:store:v1 --format image --json").json();
    let result = &pushed["result"];
    assert_eq!((&result["format"], &result["files"]), (&"container image".into(), &3.into()));
    assert_eq!(result["manifest"], planned["result"]["manifest"]);
    let again = bench.good("push MODEL oci:store:v1 --format image --json").json();
    assert_eq!(
        (&again["result"]["bytes_written"], &again["result"]["manifest"]),
        (&0.into(), &result["manifest"])
    );
    let seen = bench.good("inspect oci:store:v1 --json").json();
    let seen = &seen["result"];
    assert_eq!((&seen["format"], &seen["name"]), (&"container image".into(), &"org/mini-lm".into()));
    assert_eq!(
        (seen["layers"].as_array().unwrap().len(), seen["archives"].as_array().unwrap().len()),
        (0, 3)
    );
    let said = bench.good("inspect oci:store:v1");
    assert!(said.stdout.contains("UNVERIFIED  format     container image\n"), "{said:?}");
    assert!(said.stdout.contains("3 (3 archives of files that only the signature names)"), "{said:?}");
    bench.good("pull oci:store OUT --key k.pub --expect-name org/mini-lm");
    for file in ["config.json", "model.safetensors", "tokenizer/vocab.txt", "model.sig"] {
        assert_eq!(bench.read(&format!("OUT/{file}")), bench.read(&format!("MODEL/{file}")), "{file}");
    }
}

#[test]
fn both_formats_are_one_model_under_one_signature() {
    let bench = with_image();
    bench.good("push MODEL oci:store:raw");
    bench.good("pull oci:store:raw RAW --key k.pub");
    bench.good("pull oci:store:v1 IMAGE --key k.pub");
    bench.good("diff RAW IMAGE");
    // A reference without a tag means what says that it is a model.
    let pulled = bench.good("pull oci:store ONE --key k.pub --json").json();
    assert_eq!(
        pulled["result"]["manifest"],
        bench.good("inspect oci:store:raw --json").json()["result"]["manifest"]["digest"]
    );
    bench.bad("push MODEL oci:store:raw --format image", "E-EXISTS", 10);
}

#[test]
fn an_image_beside_the_same_model_is_signed_by_one_statement_about_both() {
    let bench = Bench::with_signed_model();
    let push = |tag: &str, more: &str| {
        bench.good(&format!("push MODEL oci:store:{tag} --key k.key --json {more}")).json()["result"].clone()
    };
    let alone = push("image", "--format image");
    assert_eq!(alone["also_signed"], Value::Null);
    let model = bench.good("push MODEL oci:store:v1 --json").json()["result"].clone();
    assert_eq!(model["also_signed"], Value::Null);
    let both = push("image", "--format image");
    assert_eq!(
        (&both["also_signed"], &both["manifest_signature"]["existed"]),
        (&model["manifest"], &false.into())
    );
    let by = |tag: &str, folder: &str| {
        let pulled = bench.good(&format!("pull oci:store:{tag} {folder} --key k.pub --json")).json();
        pulled["result"]["manifest_signed_by"].as_array().unwrap().len()
    };
    assert_eq!((by("v1", "ONE"), by("image", "TWO")), (1, 1));
    // Again: it is there, beside both.
    let referrers = |tag: &str| {
        let seen = bench.good(&format!("inspect oci:store:{tag} --json")).json();
        seen["result"]["referrers"].as_array().unwrap().len()
    };
    let before = (referrers("v1"), referrers("image"));
    let again = push("image", "--format image");
    assert_eq!(
        (&again["also_signed"], &again["manifest_signature"]["existed"]),
        (&model["manifest"], &true.into())
    );
    assert_eq!((referrers("v1"), referrers("image")), before);
    // Another version is another model: nothing of it is beside this one.
    bench.write("MODEL/config.json", b"{}");
    bench.good("sign MODEL --key k.key --name org/mini-lm --force");
    let next = push("next", "--format image");
    assert_eq!(next["also_signed"], Value::Null);
}

#[test]
fn what_only_the_signature_names_cannot_be_compared_or_signed_unread() {
    let bench = with_image();
    bench.bad("diff MODEL oci:store:v1", "E-PACKED", 13);
    let seen = bench.good("inspect oci:store:v1 --json").json();
    let digest = seen["result"]["manifest"]["digest"].as_str().unwrap();
    bench.bad(&format!("sign --digests-from oci:store@{digest} --key k.key --name m"), "E-PACKED", 13);
    bench.bad("push MODEL oci:store:v1 --format zip", "E-USAGE", 2);
    bench.write("MODEL/.wh.config.json", b"");
    bench.good("sign MODEL --key k.key --name m --force");
    bench.bad("push MODEL oci:other:v1 --format image", "E-ARTIFACT", 13);
    bench.good("push MODEL oci:other:v1");
}

/// Raw files of another tool: signed where they lie, then pulled.
#[test]
fn an_artifact_of_oras_is_signed_where_it_lies_and_pulled() {
    let bench = Bench::new();
    bench.key("k");
    Foreign::oras().titled("config.json", "{}").titled("w/model.gguf", "GGUF").write(&bench.path("theirs"));
    let seen = bench.good("inspect oci:theirs:v1 --json").json();
    assert_eq!(seen["result"]["format"], "ORAS");
    let digest = seen["result"]["manifest"]["digest"].as_str().unwrap();
    bench.bad("pull oci:theirs:v1 OUT --key k.pub", "E-NO-SIGNATURE", 4);
    bench.good(&format!("sign --digests-from oci:theirs@{digest} --key k.key --name org/theirs"));
    bench.good("pull oci:theirs:v1 OUT --key k.pub --expect-name org/theirs");
    assert_eq!(bench.read("OUT/w/model.gguf"), b"GGUF");
    assert_eq!(bench.read("OUT/config.json"), b"{}");
}

#[test]
fn every_format_says_what_it_is() {
    let bench = Bench::new();
    let tar = Archive::new().file("a", "a").finish();
    let kit = Foreign::kitops().layer("application/vnd.kitops.modelkit.model.v1.tar", &tar);
    let docker = Foreign::docker().layer("application/vnd.docker.ai.gguf.v3", "GGUF");
    let ollama = Foreign::ollama().layer("application/vnd.ollama.image.model", "GGUF");
    for (artifact, format) in [(kit, "KitOps ModelKit"), (docker, "Docker model"), (ollama, "Ollama model")] {
        artifact.write(&bench.path(&format.replace(' ', "-")));
        let seen = bench.good(&format!("inspect oci:{}:v1 --json", format.replace(' ', "-"))).json();
        assert_eq!(seen["result"]["format"], format);
    }
    bench.bad("inspect oci:nothing:v1", "E-NOT-FOUND", 10);
}
