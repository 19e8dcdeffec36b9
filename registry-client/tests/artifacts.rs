//! Model manifests that lie: each is refused with its own code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod models;

use lacre_registry_client::{ArtifactFault, ModelArtifact, RegistryError};
use serde_json::{Value, json};

use models::{code, model};

const FILES: [(&str, &[u8]); 2] = [("config.json", b"{}"), ("model.safetensors", b"weights")];
const FILEPATH: &str = "org.cncf.model.filepath";
const TITLE: &str = "org.opencontainers.image.title";

/// The manifest of a good model after `change`.
fn parse(change: impl FnOnce(&mut Value)) -> Result<ModelArtifact, RegistryError> {
    let mut manifest: Value = serde_json::from_slice(&model(&FILES).manifest).unwrap();
    change(&mut manifest);
    ModelArtifact::parse(manifest.to_string().as_bytes())
}

fn rename(layer: usize, path: &'static str) -> impl FnOnce(&mut Value) {
    move |manifest| {
        for key in [FILEPATH, TITLE] {
            manifest["layers"][layer]["annotations"][key] = path.into();
        }
    }
}

fn remove(value: &mut Value, key: &str) {
    value.as_object_mut().unwrap().remove(key).unwrap();
}

#[test]
fn a_good_manifest_is_read() {
    let built = model(&FILES);
    assert_eq!(ModelArtifact::parse(&built.manifest).unwrap(), built.artifact);
    for key in [FILEPATH, TITLE] {
        let one = parse(|manifest| remove(&mut manifest["layers"][0]["annotations"], key)).unwrap();
        assert_eq!(one.layers[0].path.as_str(), "config.json", "one of both annotations is enough");
    }
    let more = parse(|manifest| {
        manifest["annotations"] = json!({"k": "v"});
        manifest["x-unknown"] = json!([1]);
        manifest["layers"][0]["annotations"]["org.cncf.model.file.metadata+json"] = "{}".into();
    });
    assert_eq!(more.unwrap().files().unwrap(), built.artifact.files().unwrap());
}

#[test]
fn other_artifacts_are_not_models() {
    let fault = |change: fn(&mut Value)| match parse(change).unwrap_err() {
        RegistryError::Artifact { fault } => fault,
        other => panic!("{other:?}"),
    };
    let found = String::new;
    assert_eq!(fault(|it| remove(it, "artifactType")), ArtifactFault::ArtifactType { found: found() });
    assert_eq!(fault(|it| remove(it, "mediaType")), ArtifactFault::MediaType { found: found() });
    let index = "application/vnd.oci.image.index.v1+json";
    assert_eq!(
        fault(|it| it["mediaType"] = "application/vnd.oci.image.index.v1+json".into()),
        ArtifactFault::MediaType { found: index.to_owned() }
    );
    assert_eq!(
        fault(|it| it["artifactType"] = "a/b".into()),
        ArtifactFault::ArtifactType { found: "a/b".to_owned() }
    );
    assert_eq!(
        fault(|it| it["config"]["mediaType"] = "a/b".into()),
        ArtifactFault::ConfigType { found: "a/b".to_owned() }
    );
    assert_eq!(fault(|it| it["layers"] = json!([])), ArtifactFault::NoLayers);
    assert_eq!(fault(|it| it["layers"] = Value::Null), ArtifactFault::NoLayers);
    let tar = "application/vnd.cncf.model.weight.v2.tar";
    assert_eq!(
        fault(|it| it["layers"][1]["mediaType"] = "application/vnd.cncf.model.weight.v2.tar".into()),
        ArtifactFault::LayerType { layer: 1, found: tar.to_owned() }
    );
    assert!(matches!(
        fault(|it| it["config"]["urls"] = json!(["http://x.test/"])),
        ArtifactFault::Descriptor { .. }
    ));
    assert!(matches!(fault(|it| it["config"]["data"] = "e30=".into()), ArtifactFault::Descriptor { .. }));
    for error in [parse(|it| it["artifactType"] = "a/b".into()), parse(|it| it["layers"] = json!([]))] {
        assert_eq!(code(error), "E-ARTIFACT");
    }
}

#[test]
fn content_comes_from_the_store_alone() {
    let urls = parse(|it| it["layers"][1]["urls"] = json!(["http://x.test/model.safetensors"]));
    assert!(matches!(&urls, Err(RegistryError::Artifact { fault: ArtifactFault::External { layer: 1 } })));
    assert_eq!(code(urls), "E-ARTIFACT");
    let data = parse(|it| it["layers"][0]["data"] = "e30=".into());
    assert!(matches!(&data, Err(RegistryError::Artifact { fault: ArtifactFault::Embedded { layer: 0 } })));
    assert_eq!(code(data), "E-ARTIFACT");
    for digest in [
        "sha512:ab",
        "sha256:../../x",
        "sha256:",
        "x",
        "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    ] {
        assert_eq!(code(parse(|it| it["layers"][0]["digest"] = digest.into())), "E-ARTIFACT", "{digest}");
    }
    for size in [json!(-1), json!(1.5), json!("2"), json!(null), json!(1e3)] {
        assert_eq!(code(parse(|it| it["layers"][0]["size"] = size.clone())), "E-JSON", "{size}");
    }
    assert_eq!(code(parse(|it| it["layers"][0]["size"] = json!(u64::MAX))), "E-ARTIFACT");
}

#[test]
fn paths_stay_in_the_model() {
    for path in ["../x", "/etc/passwd", "a/../../x", "", ".", "a//b", "a/./b", "a\\b", "a\0b"] {
        assert_eq!(code(parse(rename(0, path))), "E-PATH", "{path:?}");
    }
    assert_eq!(code(parse(rename(0, "model.safetensors"))), "E-DUPLICATE-NAME");
    for path in ["MODEL.safetensors", "model.safetensors/x"] {
        assert_eq!(code(parse(rename(0, path))), "E-NAME-COLLISION", "{path}");
    }
    for path in ["model.sig", "Model.Sig", "model.sig/x"] {
        assert_eq!(code(parse(rename(0, path))), "E-ARTIFACT", "{path}");
    }
    let none = parse(|it| remove(&mut it["layers"][0], "annotations"));
    assert!(matches!(&none, Err(RegistryError::Artifact { fault: ArtifactFault::PathMissing { layer: 0 } })));
    let two = parse(|it| it["layers"][0]["annotations"][TITLE] = "other.json".into());
    assert!(matches!(
        &two,
        Err(RegistryError::Artifact { fault: ArtifactFault::PathsDiffer { layer: 0, .. } })
    ));
    assert_eq!((code(none), code(two)), ("E-ARTIFACT", "E-ARTIFACT"));
}

#[test]
fn the_text_itself_is_bounded_and_unambiguous() {
    let text = String::from_utf8(model(&FILES).manifest).unwrap();
    let parse = |text: &str| code(ModelArtifact::parse(text.as_bytes()));
    assert_eq!(parse(&text.replacen('{', r#"{"layers":[],"#, 1)), "E-DUPLICATE-KEY");
    assert_eq!(parse(&text.replacen('{', r#"{"l\u0061yers":[],"#, 1)), "E-DUPLICATE-KEY");
    assert_eq!(parse(&format!("{text}{text}")), "E-JSON");
    assert_eq!(parse(&text[..text.len() - 1]), "E-JSON");
    assert_eq!(parse("[]"), "E-JSON");
    let deep = format!(r#"{{"x":{}{},"#, "[".repeat(32), "]".repeat(32));
    assert_eq!(parse(&text.replacen('{', &deep, 1)), "E-LIMIT");
    assert_eq!(parse(&format!("{text}{}", " ".repeat(4 * 1024 * 1024))), "E-LIMIT");
}

#[test]
fn a_configuration_belongs_to_its_layers() {
    let (built, other) = (model(&FILES), model(&FILES[..1]));
    assert_eq!(code(built.artifact.parse_config(&other.config)), "E-BLOB-DIGEST");
    let mut swapped = built.artifact.clone();
    swapped.layers.swap(0, 1);
    assert_eq!(code(swapped.parse_config(&built.config)), "E-ARTIFACT");
    assert!(built.artifact.parse_config(&built.config).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(at: proptest::sample::Index, byte: u8) {
        let mut bytes = model(&FILES).manifest;
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = ModelArtifact::parse(&bytes);
    }
}
