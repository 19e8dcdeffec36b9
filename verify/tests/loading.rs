//! Bytes after verification: what was proven stays what it was, whatever happens to the files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should stop"
)]

mod verifying;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use lacre_testkit::{ModelDir, SafetensorsFile, Seal, Sealed, noise, tamper};
use lacre_verify::{Dtype, Hold, Model, NoProgress, Verified, VerifyError};

use verifying::{code, path, trusting, verify, verify_with};

const NAMES: [&str; 8] = [
    "blob.bin",
    "config.json",
    "empty.bin",
    "model.safetensors",
    "tokenizer/größe/日本語.txt",
    "tokenizer/vocab.txt",
    "x.json",
    "x/y",
];

fn holding(sealed: &Sealed, hold: &Hold) -> Verified<Model> {
    verify_with(sealed, &trusting(sealed.public_key()), hold, &NoProgress).unwrap()
}

#[test]
fn read_gives_the_signed_bytes() {
    let sealed = Sealed::sample();
    for hold in [Hold::Nothing, Hold::Files(vec![path("blob.bin"), path("x/y")]), Hold::Everything] {
        let model = holding(&sealed, &hold);
        for name in NAMES {
            assert_eq!(*model.read(name).unwrap(), *sealed.model().read(name), "{name} {hold:?}");
        }
    }
}

#[test]
fn names_that_are_not_signed_have_no_bytes() {
    let sealed = Sealed::sample();
    fs::write(sealed.model().beside("secret"), "x").unwrap();
    let model = holding(&sealed, &Hold::Everything);
    tamper::plant(&sealed.model().entry("planted"), "x");
    symlink("blob.bin", sealed.model().entry("link")).unwrap();
    let absolute = sealed.model().entry("blob.bin");
    let names = [
        "planted",
        "link",
        "model.sig",
        "../secret",
        "x/../blob.bin",
        "./blob.bin",
        "x",
        "",
        "/",
        "BLOB.BIN",
        "a\0b",
    ];
    for name in names.into_iter().chain([absolute.to_str().unwrap()]) {
        assert_eq!(model.read(name).unwrap_err().code(), "E-NOT-FOUND", "{name:?}");
        assert_eq!(model.safetensors(name).unwrap_err().code(), "E-NOT-FOUND", "{name:?}");
    }
    let hostile = model.read("\u{1b}[2J").unwrap_err().to_string();
    assert_eq!(hostile, r"the file \u{1b}[2J is not in the signed model");
}

#[test]
fn what_is_not_signed_cannot_be_held() {
    let sealed = Sealed::sample();
    tamper::plant(&sealed.model().entry("notes"), "x");
    let requirements = trusting(sealed.public_key()).allow_unsigned([path("notes")]);
    for name in ["notes", "model.sig", "gone"] {
        let hold = Hold::Files(vec![path(name)]);
        assert_eq!(code(verify_with(&sealed, &requirements, &hold, &NoProgress)), "E-NOT-FOUND", "{name}");
    }
}

type Attack = fn(&Path);

/// What an attacker does to `blob.bin` once the model is verified, and what reading it then comes to when it is not
/// held.
const ATTACKS: [(&str, Attack, &str); 9] = [
    ("overwritten in place", |file| tamper::overwrite(file, b'!'), "E-FILE-CHANGED"),
    ("one bit flipped", |file| tamper::flip(file, 65_536), "E-FILE-CHANGED"),
    ("cut short", |file| tamper::truncate(file, 1), "E-FILE-SIZE"),
    ("grown", |file| tamper::grow(file, b"+"), "E-FILE-SIZE"),
    ("another file renamed over it", swap_by_rename, "E-FILE-CHANGED"),
    ("deleted", tamper::remove, "E-NOT-FOUND"),
    ("a link to another file", |file| tamper::replace_by_link(file, "config.json"), "E-INPUT-TYPE"),
    (
        "a link to itself, elsewhere",
        |file| tamper::link_away(file, &file.with_extension("away")),
        "E-INPUT-TYPE",
    ),
    ("a FIFO", tamper::replace_by_fifo, "E-INPUT-TYPE"),
];

fn swap_by_rename(file: &Path) {
    let other = file.with_extension("other");
    fs::write(&other, noise(43, 100_000)).unwrap();
    fs::rename(other, file).unwrap();
}

#[test]
fn held_bytes_stay_whatever_happens_to_the_file() {
    for (what, attack, _) in ATTACKS {
        for hold in [Hold::Everything, Hold::Files(vec![path("blob.bin")])] {
            let sealed = Sealed::sample();
            let model = holding(&sealed, &hold);
            let before = model.read("blob.bin").unwrap();
            attack(&sealed.model().entry("blob.bin"));
            assert_eq!(*before, *noise(42, 100_000), "{what}");
            assert_eq!(*model.read("blob.bin").unwrap(), *noise(42, 100_000), "{what}");
        }
    }
}

#[test]
fn what_is_not_held_is_proven_again_and_refused() {
    for (what, attack, expected) in ATTACKS {
        let sealed = Sealed::sample();
        let model = holding(&sealed, &Hold::Nothing);
        let before = model.read("blob.bin").unwrap();
        attack(&sealed.model().entry("blob.bin"));
        assert_eq!(model.read("blob.bin").unwrap_err().code(), expected, "{what}");
        assert_eq!(*before, *noise(42, 100_000), "a copy that was handed out stays: {what}");
        assert_eq!(model.read("config.json").unwrap().len(), 19, "other files are as they were");
    }
}

#[test]
fn a_file_that_becomes_what_it_was_is_read_again() {
    let sealed = Sealed::sample();
    let model = holding(&sealed, &Hold::Nothing);
    tamper::flip(&sealed.model().entry("blob.bin"), 3);
    assert_eq!(model.read("blob.bin").unwrap_err().code(), "E-FILE-CHANGED");
    tamper::flip(&sealed.model().entry("blob.bin"), 3);
    assert_eq!(*model.read("blob.bin").unwrap(), *noise(42, 100_000));
}

#[test]
fn no_memory_is_taken_for_a_file_that_became_huge() {
    let sealed = Sealed::sample();
    let model = holding(&sealed, &Hold::Nothing);
    let file = File::options().write(true).open(sealed.model().entry("blob.bin")).unwrap();
    // Sparse: it takes no room on the disk either.
    file.set_len(1 << 40).unwrap();
    assert_eq!(model.read("blob.bin").unwrap_err().code(), "E-FILE-SIZE");
    assert_eq!(code(verify(&sealed)), "E-FILE-SIZE");
}

#[test]
fn a_parent_folder_that_becomes_a_link_is_not_followed() {
    let sealed = Sealed::sample();
    let model = holding(&sealed, &Hold::Nothing);
    tamper::link_away(&sealed.model().entry("tokenizer"), &sealed.model().beside("tokenizer"));
    assert_eq!(model.read("tokenizer/vocab.txt").unwrap_err().code(), "E-INPUT-TYPE");
}

#[test]
fn a_model_folder_that_is_renamed_is_still_the_one_that_was_verified() {
    let sealed = Sealed::sample();
    let model = holding(&sealed, &Hold::Nothing);
    tamper::rename(&sealed.path(), &sealed.model().beside("renamed"));
    assert_eq!(*model.read("blob.bin").unwrap(), *noise(42, 100_000));
    // Another folder under the old name is another model.
    sealed.model().put("blob.bin", "theirs");
    assert_eq!(*model.read("blob.bin").unwrap(), *noise(42, 100_000));
}

#[test]
fn reading_beside_an_attacker_gives_the_signed_bytes_or_an_error() {
    const ROUNDS: usize = 200;
    let sealed = Sealed::sample();
    let (honest, hostile) = (noise(42, 100_000), noise(43, 100_000));
    let model = holding(&sealed, &Hold::Nothing);
    let file = File::options().write(true).open(sealed.model().entry("blob.bin")).unwrap();
    let done = AtomicBool::new(false);
    let (mut good, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let content = if round % 2 == 0 { &hostile } else { &honest };
                file.write_all_at(content, 0).unwrap();
                if round % 5 == 0 {
                    file.set_len(50_000 + 25_000 * (round % 4)).unwrap();
                }
            }
        });
        for _ in 0..ROUNDS {
            match model.read("blob.bin") {
                Ok(bytes) => {
                    assert!(*bytes == *honest, "bytes that nobody signed");
                    good += 1;
                }
                Err(error) => {
                    assert!(
                        matches!(error.code(), "E-FILE-CHANGED" | "E-FILE-SIZE" | "E-INPUT-CHANGED"),
                        "{} {error}",
                        error.code()
                    );
                    refused += 1;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(good + refused, ROUNDS);
    file.write_all_at(&honest, 0).unwrap();
    file.set_len(100_000).unwrap();
    assert_eq!(*model.read("blob.bin").unwrap(), *honest);
}

#[test]
fn many_threads_read_one_model() {
    let sealed = Sealed::sample();
    let model = holding(&sealed, &Hold::Files(vec![path("config.json")]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for name in NAMES {
                    assert_eq!(*model.read(name).unwrap(), *sealed.model().read(name));
                }
            });
        }
    });
}

#[test]
fn tensors_have_their_shapes_and_values() {
    let sealed = Sealed::sample();
    let tensors = verify(&sealed).unwrap().safetensors("model.safetensors").unwrap();
    assert_eq!(tensors.names(), ["embeddings.weight", "pooler.bias", "position_ids"]);
    let weight = tensors.tensor("embeddings.weight").unwrap();
    assert_eq!((weight.dtype(), weight.shape()), (Dtype::F32, &[3, 4][..]));
    let values: Vec<f32> =
        weight.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    let ids = tensors.tensor("position_ids").unwrap();
    assert_eq!((ids.dtype(), ids.shape()), (Dtype::I64, &[2][..]));
    assert_eq!(ids.data(), [7_i64.to_le_bytes(), (-7_i64).to_le_bytes()].concat());
    for name in ["embeddings", "", "__metadata__"] {
        assert_eq!(tensors.tensor(name).unwrap_err().code(), "E-NOT-FOUND");
    }
}

#[test]
fn tensors_outlive_the_model_and_the_file() {
    let sealed = Sealed::sample();
    let model = verify(&sealed).unwrap();
    let tensors = model.safetensors("model.safetensors").unwrap();
    drop(model);
    tamper::overwrite(&sealed.model().entry("model.safetensors"), 0);
    assert_eq!(tensors.tensor("pooler.bias").unwrap().data()[..4], 0.5_f32.to_le_bytes());
}

#[test]
fn tensors_of_a_file_that_changed_are_refused() {
    let sealed = Sealed::sample();
    let model = verify(&sealed).unwrap();
    let length = sealed.model().read("model.safetensors").len() as u64;
    tamper::flip(&sealed.model().entry("model.safetensors"), length - 1);
    assert_eq!(model.safetensors("model.safetensors").unwrap_err().code(), "E-FILE-CHANGED");
}

/// A safetensors file with this header and eight bytes of data.
fn raw(header: &str) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat()
}

/// How a signed file of these bytes is read.
fn read_signed(bytes: &[u8]) -> Result<Vec<String>, VerifyError> {
    let sealed = Seal::of(ModelDir::new().file("model.safetensors", bytes)).sign();
    let model = verify(&sealed).unwrap();
    assert_eq!(*model.read("model.safetensors").unwrap(), *bytes);
    let tensors = model.safetensors("model.safetensors")?;
    Ok(tensors.names().into_iter().map(str::to_owned).collect())
}

const A: &str = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
const HALF: &str = r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
const OTHER_HALF: &str = r#"{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#;

#[test]
fn headers_that_are_read() {
    for (header, names) in [
        (format!("{{{A}}}"), vec!["a"]),
        (format!("{{{A}}}     "), vec!["a"]),
        (format!("{{{HALF},\"b\":{OTHER_HALF}}}"), vec!["a", "b"]),
        (format!("{{\"__metadata__\":{{\"format\":\"pt\"}},{A}}}"), vec!["a"]),
    ] {
        assert_eq!(read_signed(&raw(&header)).unwrap(), names, "{header}");
    }
    assert_eq!(read_signed(&SafetensorsFile::new().build()).unwrap(), Vec::<String>::new());
}

#[test]
fn headers_that_two_readers_could_read_differently() {
    let metadata = r#""__metadata__":{"format":"pt","format":"tf"}"#;
    for header in [
        format!("{{{A},{A}}}"),
        format!("{{{HALF},\"a\":{OTHER_HALF}}}"),
        format!("{{{HALF},\"\\u0061\":{OTHER_HALF}}}"),
        format!("{{{metadata},{A}}}"),
        r#"{"a":{"dtype":"F32","dtype":"I32","shape":[2],"data_offsets":[0,8]}}"#.to_owned(),
        r#"{"a":{"dtype":"F32","shape":[2],"sh\u0061pe":[1,2],"data_offsets":[0,8]}}"#.to_owned(),
        format!(" {{{A}}}"),
        format!("\n{{{A}}}"),
        format!("\u{feff}{{{A}}}"),
        format!("{{{A}}}{{}}"),
        format!("{{{A}}}\0"),
        format!("[{{{A}}}]"),
        format!("{{{A},}}"),
    ] {
        let error = read_signed(&raw(&header)).unwrap_err();
        assert_eq!(error.code(), "E-SAFETENSORS", "{header}");
    }
}

#[test]
fn headers_that_lie_about_the_data() {
    for header in [
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,8]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}"#,
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
        r#"{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"a":{"shape":[2],"data_offsets":[0,8]}}"#,
        r#"{"a":[]}"#,
        r#"{"a":{"dtype":"F32","shape":[[[[[[2]]]]]],"data_offsets":[0,8]}}"#,
    ] {
        assert_eq!(read_signed(&raw(header)).unwrap_err().code(), "E-SAFETENSORS", "{header}");
    }
}

#[test]
fn files_that_are_no_safetensors() {
    let good = raw(&format!("{{{A}}}"));
    read_signed(&good).unwrap();
    for length in [0, 1, 7, 8, 9, good.len() - 9, good.len() - 1] {
        assert_eq!(read_signed(&good[..length]).unwrap_err().code(), "E-SAFETENSORS", "cut to {length}");
    }
    assert_eq!(read_signed(&[&good[..], &[0]].concat()).unwrap_err().code(), "E-SAFETENSORS", "a byte more");
    for length in [0, 1, good.len() as u64, 100_000_001, u64::from(u32::MAX), i64::MAX as u64, u64::MAX] {
        let lying = [&length.to_le_bytes()[..], &good[8..]].concat();
        assert_eq!(read_signed(&lying).unwrap_err().code(), "E-SAFETENSORS", "a header of {length} bytes");
    }
    assert_eq!(read_signed(b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0").unwrap_err().code(), "E-SAFETENSORS");
    assert_eq!(read_signed(&noise(5, 4096)).unwrap_err().code(), "E-SAFETENSORS");
    let error = read_signed(b"text").unwrap_err().to_string();
    assert!(error.starts_with("model.safetensors is not an acceptable safetensors file"), "{error}");
}

#[test]
fn what_is_said_of_proven_bytes_does_not_show_them() {
    let sealed = Sealed::sample();
    let bytes = verify(&sealed).unwrap().read("config.json").unwrap();
    assert_eq!(format!("{bytes:?}"), "ProvenBytes(19 bytes)");
    assert_eq!(bytes.as_ref(), b"{\"hidden_size\": 4}\n");
}
