//! The files are not what was signed.

use std::fs;

use lacre_testkit::{ModelDir, Seal, tamper};

use crate::place::Place;

#[test]
fn a_flipped_bit() {
    for file in ["blob.bin", "config.json", "tokenizer/größe/日本語.txt"] {
        let said = Place::after(|model| tamper::flip(&model.entry(file), 3), 1, "E-FILE-CHANGED");
        assert!(said.contains(&format!("{file} has other bytes")), "{said}");
    }
}

#[test]
fn other_bytes_in_the_same_inode_and_in_a_new_one() {
    Place::after(|model| tamper::overwrite(&model.entry("x.json"), b' '), 1, "E-FILE-CHANGED");
    Place::after(|model| tamper::replace(&model.entry("x.json"), "[]\n"), 1, "E-FILE-CHANGED");
}

#[test]
fn a_truncated_file() {
    let said = Place::after(|model| tamper::truncate(&model.entry("blob.bin"), 1), 1, "E-FILE-SIZE");
    assert!(said.contains("blob.bin has 99999 bytes, not 100000"), "{said}");
    Place::after(|model| tamper::truncate(&model.entry("blob.bin"), 100_000), 1, "E-FILE-SIZE");
}

#[test]
fn a_grown_file() {
    let said = Place::after(|model| tamper::grow(&model.entry("blob.bin"), b"\0"), 1, "E-FILE-SIZE");
    assert!(said.contains("blob.bin has 100001 bytes, not 100000"), "{said}");
    let said = Place::after(|model| tamper::grow(&model.entry("empty.bin"), b"x"), 1, "E-FILE-SIZE");
    assert!(said.contains("empty.bin has 1 bytes, not 0"), "{said}");
}

#[test]
fn a_missing_file() {
    for file in ["config.json", "tokenizer/größe/日本語.txt", "empty.bin"] {
        let said = Place::after(|model| tamper::remove(&model.entry(file)), 1, "E-FILE-MISSING");
        assert!(said.contains(&format!("{file} is missing")), "{said}");
    }
    Place::after(|model| fs::remove_dir_all(model.entry("tokenizer")).unwrap(), 1, "E-FILE-MISSING");
}

#[test]
fn an_extra_file() {
    for file in ["evil.py", "tokenizer/evil.py", "new/folder/evil.py", ".hidden"] {
        let said = Place::after(|model| tamper::plant(&model.entry(file), "import os"), 1, "E-FILE-EXTRA");
        assert!(said.contains(&format!("{file} is not signed")), "{said}");
    }
}

#[test]
fn an_extra_file_where_other_tools_do_not_look() {
    // None of these is signed as ignored here; model_signing would ignore them all the same.
    for file in [".git/hooks/post-checkout", ".gitattributes", ".github/workflows/x.yml", ".gitignore"] {
        Place::after(|model| tamper::plant(&model.entry(file), "#!/bin/sh"), 1, "E-FILE-EXTRA");
    }
}

#[test]
fn a_signature_under_another_name_is_an_extra_file() {
    let copy = |name: &'static str| {
        move |model: &ModelDir| {
            fs::copy(model.entry("model.sig"), model.entry(name)).unwrap();
        }
    };
    for name in ["model.sig.bak", "sub.sig", "tokenizer/model.sig", "Model.sig"] {
        Place::after(copy(name), 1, "E-FILE-EXTRA");
    }
}

#[test]
fn a_renamed_file() {
    let said = Place::after(
        |model| tamper::rename(&model.entry("config.json"), &model.entry("sub/settings.json")),
        1,
        "E-FILE-RENAMED",
    );
    assert!(said.contains("config.json is now sub/settings.json"), "{said}");
    Place::after(
        |model| tamper::rename(&model.entry("config.json"), &model.entry("CONFIG.JSON")),
        1,
        "E-FILE-RENAMED",
    );
}

#[test]
fn swapped_files() {
    let model = ModelDir::new().file("a.bin", "0123").file("b.bin", "4567").file("c.bin", "long");
    let place = Place::signed(model);
    tamper::swap(&place.entry("a.bin"), &place.entry("b.bin"));
    let said = place.is_refused(1, "E-FILE-CHANGED");
    assert!(said.contains("a.bin has other bytes; b.bin has other bytes"), "{said}");
    // Files of two sizes.
    Place::after(|model| tamper::swap(&model.entry("config.json"), &model.entry("x.json")), 1, "E-FILE-SIZE");
}

#[test]
fn a_file_replaced_by_a_link() {
    // To the very same bytes, inside the model and outside of it.
    let said = Place::after(
        |model| tamper::link_away(&model.entry("config.json"), &model.beside("config.json")),
        1,
        "E-FILE-TYPE",
    );
    assert!(said.contains("config.json is a symbolic link"), "{said}");
    Place::after(
        |model| tamper::link_away(&model.entry("config.json"), &model.entry("x/config.json")),
        1,
        "E-FILE-TYPE",
    );
    Place::after(|model| tamper::replace_by_link(&model.entry("config.json"), "/nowhere"), 1, "E-FILE-TYPE");
    Place::after(
        |model| tamper::replace_by_link(&model.entry("config.json"), "config.json"),
        1,
        "E-FILE-TYPE",
    );
}

#[test]
fn a_file_replaced_by_a_folder() {
    let said = Place::after(|model| tamper::replace_by_folder(&model.entry("x.json")), 1, "E-FILE-TYPE");
    assert!(said.contains("x.json is a folder"), "{said}");
    let full = |model: &ModelDir| {
        tamper::replace_by_folder(&model.entry("x.json"));
        tamper::plant(&model.entry("x.json/evil.py"), "");
    };
    Place::after(full, 1, "E-FILE-TYPE");
}

#[test]
fn a_file_replaced_by_a_fifo() {
    let said = Place::after(|model| tamper::replace_by_fifo(&model.entry("x.json")), 1, "E-FILE-TYPE");
    assert!(said.contains("x.json is a FIFO"), "{said}");
}

#[test]
fn a_symlinked_folder_above_a_file() {
    let said = Place::after(
        |model| tamper::link_away(&model.entry("tokenizer"), &model.beside("elsewhere")),
        1,
        "E-FILE-TYPE",
    );
    assert!(said.contains("tokenizer is a symbolic link"), "{said}");
    Place::after(
        |model| std::os::unix::fs::symlink("tokenizer", model.entry("again")).unwrap(),
        1,
        "E-FILE-TYPE",
    );
}

type Interfere = fn(&ModelDir);

#[test]
fn what_is_not_as_signed_is_not_pushed() {
    let cases: [(Interfere, i32, &str); 6] = [
        (|model| tamper::flip(&model.entry("blob.bin"), 0), 1, "E-FILE-CHANGED"),
        (|model| tamper::truncate(&model.entry("blob.bin"), 1), 1, "E-FILE-SIZE"),
        (|model| tamper::remove(&model.entry("x.json")), 1, "E-FILE-MISSING"),
        (|model| tamper::plant(&model.entry("evil"), ""), 1, "E-FILE-EXTRA"),
        (|model| tamper::rename(&model.entry("x.json"), &model.entry("y.json")), 1, "E-FILE-RENAMED"),
        (|model| tamper::replace_by_link(&model.entry("x.json"), "config.json"), 10, "E-INPUT-TYPE"),
    ];
    for (interfere, exit, code) in cases {
        // Into a store that holds the good model already: nothing may be added, nothing moved.
        let place = Place::pushed();
        interfere(place.model());
        place.refuses("push model oci:store:v2", exit, code);
    }
}

#[test]
fn links_fifos_and_devices_are_not_signed() {
    type Plant = fn(&std::path::Path);
    let cases: [(&str, Plant); 3] = [
        ("a symbolic link", |path| std::os::unix::fs::symlink("x.json", path).unwrap()),
        ("a FIFO", |path| {
            fs::write(path, "").unwrap();
            tamper::replace_by_fifo(path);
        }),
        ("a socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
    ];
    for (kind, plant) in cases {
        let place = Place::sample();
        tamper::remove(&place.sealed.signature_path());
        plant(&place.entry("tokenizer/odd"));
        let said = place.refuses("sign model --key release.key --name m", 10, "E-INPUT-TYPE");
        assert!(said.contains(&format!("tokenizer/odd is {kind}")), "{said}");
    }
}

#[test]
fn signed_ignore_paths_are_the_only_ones() {
    let model = ModelDir::sample().file(".git/HEAD", "ref");
    let place = Place::of(Seal::of(model).ignore(&[".git"]).sign());
    tamper::plant(&place.entry(".git/hooks/evil"), "not looked at, and reported");
    let value = place.accepts("verify model --key release.pub");
    assert!(value["result"]["excluded"].to_string().contains("\".git/\""), "{value}");
    for file in [".gitx", "sub/.git/HEAD", ".github/x"] {
        tamper::plant(&place.entry(file), "");
        place.is_refused(1, "E-FILE-EXTRA");
        tamper::remove(&place.entry(file));
    }
}

#[test]
fn one_signature_must_not_mean_two_contents() {
    // The trusted key signed two digests of two contents for one file.
    let place = Place::signed(ModelDir::new().file("weights", "one").file("readme", "r"));
    place.accepts("push model oci:store:v1");
    let blake3_of_two = lacre_hash::Blake3Digest::of(b"two").to_string();
    let bundle = place.sealed.restated(|statement| {
        for resource in statement["predicate"]["resources"].as_array_mut().unwrap() {
            if resource["name"] == "weights" {
                resource["blake3"] = blake3_of_two.as_str().into();
            }
        }
    });
    place.sealed.write_bundle(&bundle);
    // Neither content can be pushed.
    place.refuses("push model oci:store:v2", 1, "E-FILE-CHANGED");
    fs::write(place.entry("weights"), "two").unwrap();
    place.refuses("push model oci:store:v2", 1, "E-FILE-CHANGED");
}

#[test]
fn a_refused_push_makes_no_store() {
    let place = Place::sample();
    tamper::flip(&place.entry("blob.bin"), 1);
    place.refuses("push model oci:new/store:v1", 1, "E-FILE-CHANGED");
}
